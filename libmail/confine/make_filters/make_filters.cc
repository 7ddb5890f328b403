// Writes the seccomp programs of libmail/confine as C arrays, so that a server neither links
// libseccomp nor spends its time on compiling them (57 us each; DESIGN.md section 8).
//
// A call that is not permitted gives EPERM: a library that tries something it could do without goes
// on, and a process taken over gains nothing by being told.
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <vector>

namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {
    if (context_ == nullptr) give_up("seccomp_init");
    ::seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() { ::seccomp_release(context_); }

  // Names this architecture does not have are passed over.
  void rule(std::uint32_t action, std::initializer_list<const char*> names,
            std::initializer_list<scmp_arg_cmp> conditions = {}) {
    for (const char* name : names) {
      const int number = ::seccomp_syscall_resolve_name(name);
      if (number < 0) continue;
      const std::vector<scmp_arg_cmp> all(conditions);
      if (::seccomp_rule_add_array(context_, action, number, static_cast<unsigned>(all.size()),
                                   all.data()) < 0) {
        give_up(name);
      }
    }
  }
  void allow(std::initializer_list<const char*> names,
             std::initializer_list<scmp_arg_cmp> conditions = {}) {
    rule(SCMP_ACT_ALLOW, names, conditions);
  }

  void write(std::FILE* out, const char* name) {
    std::FILE* program = std::tmpfile();
    if (program == nullptr || ::seccomp_export_bpf(context_, ::fileno(program)) < 0) {
      give_up("seccomp_export_bpf");
    }
    std::rewind(program);
    struct Instruction {
      std::uint16_t code;
      std::uint8_t when_true, when_false;
      std::uint32_t value;
    } one{};
    std::fprintf(out, "constexpr ::sock_filter %s[] = {\n", name);
    while (std::fread(&one, sizeof one, 1, program) == 1) {
      std::fprintf(out, "    {%u, %u, %u, %uU},\n", one.code, one.when_true, one.when_false,
                   one.value);
    }
    std::fprintf(out, "};\n");
    std::fclose(program);
  }

 private:
  scmp_filter_ctx context_;
};

// Octets on open descriptors, memory that is no code, time. No file, socket, process or signal.
void write_front(std::FILE* out) {
  Filter filter(SCMP_ACT_ERRNO(EPERM));
  filter.allow({"read", "readv", "write", "writev", "recvfrom", "recvmsg", "sendto", "sendmsg",
                "poll", "ppoll", "pselect6", "select", "close", "shutdown", "getsockname",
                "getpeername", "getsockopt", "lseek", "pread64"});
  // Of options only those of the octets' way; none of SO_ATTACH_BPF's kind.
  filter.allow({"setsockopt"}, {SCMP_A1(SCMP_CMP_EQ, 6 /* IPPROTO_TCP */)});
  for (const auto command : {F_GETFL, F_SETFL, F_GETFD, F_SETFD}) {
    filter.allow({"fcntl"}, {SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  }
  filter.allow({"brk", "munmap", "mremap", "madvise", "futex", "set_robust_list", "rseq"});
  filter.allow({"mmap", "mprotect"}, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  filter.allow({"clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
                "restart_syscall", "getrandom"});
  filter.allow({"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "getpid", "gettid",
                "getuid", "geteuid", "sched_yield", "exit", "exit_group"});
#ifdef __SANITIZE_ADDRESS__
  filter.allow({"pipe", "pipe2"});  // UBSan asks the kernel so whether memory can be read
#endif
  filter.write(out, "kFront");
}

// What the work of a server never needs, whoever it runs as: other programs and processes, the
// kernel's own administration, and what has been a way into it.
void deny_what_no_server_needs(Filter& filter) {
  const auto deny = [&](std::initializer_list<const char*> names,
                        std::initializer_list<scmp_arg_cmp> conditions = {}) {
    filter.rule(SCMP_ACT_ERRNO(EPERM), names, conditions);
  };
  deny({"execve", "execveat", "fork", "vfork"});
  deny({"clone"}, {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)});
  filter.rule(SCMP_ACT_ERRNO(ENOSYS), {"clone3"});  // its flags lie in memory: use clone
  deny({"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_open",
        "pidfd_getfd", "pidfd_send_signal", "kcmp", "kill", "tkill", "rt_sigqueueinfo",
        "rt_tgsigqueueinfo"});
  deny({"mount",      "umount2",           "pivot_root",    "chroot",
        "fsopen",     "fsconfig",          "fsmount",       "fspick",
        "move_mount", "open_tree",         "mount_setattr", "unshare",
        "setns",      "open_by_handle_at", "mknod",         "mknodat",
        "swapon",     "swapoff",           "quotactl",      "acct"});
  deny({"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
        "io_uring_register", "add_key", "request_key", "keyctl", "vmsplice", "seccomp"});
  deny({"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
        "syslog", "iopl", "ioperm", "modify_ldt", "personality", "settimeofday", "clock_settime",
        "adjtimex", "clock_adjtime", "sethostname", "setdomainname"});
  deny({"ioctl"}, {SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFU, TIOCSTI)});
}

void write_session(std::FILE* out) {
  Filter filter(SCMP_ACT_ALLOW);
  deny_what_no_server_needs(filter);
  // The log, the name service: sockets of this machine only.
  filter.rule(SCMP_ACT_ERRNO(EACCES), {"socket"}, {SCMP_A0(SCMP_CMP_NE, AF_UNIX)});
  filter.write(out, "kSession");
}

void write_service(std::FILE* out) {
  Filter filter(SCMP_ACT_ALLOW);
  deny_what_no_server_needs(filter);
  // Names are looked up (AF_NETLINK: glibc asks for the machine's addresses), mail is sent.
  filter.rule(SCMP_ACT_ERRNO(EACCES), {"socket"}, {SCMP_A0(SCMP_CMP_GT, AF_NETLINK)});
  for (scmp_datum_t family = 0; family < AF_NETLINK; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6) continue;
    filter.rule(SCMP_ACT_ERRNO(EACCES), {"socket"}, {SCMP_A0(SCMP_CMP_EQ, family)});
  }
  filter.write(out, "kService");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::FILE* out = std::fopen(argv[1], "we");
  if (out == nullptr) give_up(argv[1]);
  write_front(out);
  write_session(out);
  write_service(out);
  return std::fclose(out) == 0 ? 0 : 1;
}
