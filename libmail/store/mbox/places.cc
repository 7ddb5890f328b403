#include "libmail/store/mbox/places.h"

#include <algorithm>
#include <limits>

namespace mail::store::mbox {

Place place_of(const Found& found) {
  Place place;
  place.from = found.from;
  place.header_end = found.header_end;
  place.end = found.end;
  place.from_hash = found.from_hash;
  place.uid = found.uid;
  place.line_octets = (found.content - found.from) & 0xffffffU;
  place.gap = (found.next - found.end) & 0x1fU;
  place.lacks_line_end = found.lacks_line_end ? 1 : 0;
  place.is_told = found.file_uid == found.uid.value ? 1 : 0;
  place.has_bookkeeping = found.has_bookkeeping ? 1 : 0;
  return place;
}

void Places::assign(std::vector<Place> places) {
  const auto by_uid = [](const Place& a, const Place& b) { return a.uid < b.uid; };
  if (!std::is_sorted(places.begin(), places.end(), by_uid)) {
    std::sort(places.begin(), places.end(), by_uid);
  }
  if (in_index_ == 0 && places == own_) return;
  clear();
  own_ = std::move(places);
  if (!own_.empty()) last_uid_ = own_.back().uid;
}

void Places::assign(std::shared_ptr<const Index> index, const Section& section) {
  clear();
  index_ = std::move(index);
  section_ = section;
  in_index_ = static_cast<std::size_t>(section.octets / sizeof(Place));
  is_as_in_index_ = true;
  if (in_index_ == 0) return;
  if (const auto last = at(in_index_ - 1)) {
    last_uid_ = last->uid;
  } else {
    clear();
  }
}

Result<Place> Places::at(std::size_t index) const {
  if (index >= in_index_) return own_.at(index - in_index_);
  Place place;
  TRY(index_->read(section_.at + index * sizeof(Place), Index::as_octets(std::span(&place, 1))));
  return place;
}

Result<std::optional<Place>> Places::find(Uid uid, std::size_t rank) const {
  if (rank < size()) {
    const Place guess = TRY(at(rank));
    if (guess.uid == uid) return guess;
  }
  std::size_t begin = 0;
  for (std::size_t end = size(); begin < end;) {
    const std::size_t middle = begin + (end - begin) / 2;
    const Place place = TRY(at(middle));
    if (place.uid == uid) return place;
    if (place.uid < uid) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return std::nullopt;
}

// From the end: what is asked for was appended just now.
Result<std::vector<Uid>> Places::uids_at(const std::vector<std::uint64_t>& from) const {
  std::vector<Uid> uids(from.size());
  std::size_t left = from.size();
  for (std::size_t i = size(); i > 0 && left > 0; --i) {
    const Place place = TRY(at(i - 1));
    if (place.from == from.at(left - 1)) uids.at(--left) = place.uid;
  }
  if (left > 0) return fail(Errc::NotFound, "Message is gone");
  return uids;
}

void Places::append(const Place& place) {
  if (size() > 0 && place.uid == last_uid_) {
    if (const auto last = at(size() - 1); last && *last == place) return;
    if (own_.empty()) {
      --in_index_;
    } else {
      own_.pop_back();
    }
  }
  is_as_in_index_ = false;
  own_.push_back(place);
  last_uid_ = place.uid;
}

Result<void> Places::load() {
  if (in_index_ == 0) return {};
  auto all = TRY(index_->read_all<Place>({section_.at, in_index_ * sizeof(Place)}));
  all.insert(all.end(), own_.begin(), own_.end());
  own_ = std::move(all);
  in_index_ = 0;
  index_.reset();
  return {};
}

}  // namespace mail::store::mbox
