#!/usr/bin/env python3
"""A plot of the CPU time of the store's operations by the number of messages, as SVG.

    store_bench --benchmark_out=FILE --benchmark_out_format=json
    plot.py FILE ... >docs/growth.svg

Both axes are logarithmic; a line that rises as the dashed one is linear in the number of messages."""
import json
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 520, 70, 260, 20, 50
COLOURS = ["#1b6ca8", "#c8553d", "#3f8f4f", "#8e5ea2", "#b08900", "#4d4d4d", "#d16ba5", "#2a9d8f"]
IN_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


def read(files):
    """Points (messages, milliseconds of CPU) by operation and format."""
    lines = {}
    for name in files:
        with open(name, encoding="ascii") as file:
            for run in json.load(file)["benchmarks"]:
                words = run["name"].split("/")
                counts = [int(word) for word in words if word.isdigit()]
                if run.get("error_occurred") or not counts:
                    continue
                label = "/".join(word for word in words if not word.isdigit() and word != "real_time")
                lines.setdefault(label, {})[counts[-1]] = run["cpu_time"] * IN_MS[run["time_unit"]]
    return {label: sorted(points.items()) for label, points in lines.items()}


def draw(lines):
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
    low_y, high_y = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def at(x, y):
        across = (math.log10(x) - low_x) / ((high_x - low_x) or 1)
        up = (math.log10(y) - low_y) / (high_y - low_y)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    right = WIDTH - RIGHT
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    for power in range(low_y, high_y + 1):
        _, y = at(min(xs), 10**power)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:g} ms</text>'
    for count in sorted(set(xs)):
        x, _ = at(count, 10**low_y)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{count:,}</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">messages</text>'
    rise = min(max(xs) / min(xs), 10 ** (high_y - low_y))
    (x1, y1), (x2, y2) = at(min(xs), 10**low_y), at(min(xs) * rise, 10**low_y * rise)
    yield f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#999" stroke-dasharray="5 5" fill="none"/>'
    names = sorted({label.rsplit("/", 1)[0] for label in lines})
    for row, (label, points) in enumerate(sorted(lines.items())):
        colour = COLOURS[names.index(label.rsplit("/", 1)[0]) % len(COLOURS)]
        dash = ' stroke-dasharray="3 3"' if "mbox" in label.lower() else ""
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (at(*point) for point in points))
        yield f'<path d="M{path}" stroke="{colour}" stroke-width="2"{dash} fill="none"/>'
        for x, y in (at(*point) for point in points):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        y = TOP + 10 + 20 * row
        yield f'<path d="M{right + 15} {y}h25" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text x="{right + 46}" y="{y + 4}">{label}</text>'
    yield "</svg>"


print("\n".join(draw(read(sys.argv[1:]))))
