// Everything that is done to files and names below a directory, call by call, and what a disk may
// hold of it after a power loss: of each 4 KiB page any octets that it had since its file's last
// sync, any length that the file had since then, and of the names' changes any that were not
// followed by a sync of their directory. A rename is one change: done or not.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mail::store {

enum class Survives { Nothing, All, NamesOnly, DataOnly, Some };  // of what was not synced

class DiskRecord {
 public:
  // `kept`: a directory of its own beside `root`, for as long as the record is needed.
  explicit DiskRecord(std::string root, const std::string& kept = ".kept");
  DiskRecord(const DiskRecord&) = delete;
  DiskRecord& operator=(const DiskRecord&) = delete;
  ~DiskRecord();

  void start();  // what is there now is durable; from here on calls are watched
  void stop();
  std::size_t size();  // events until now

  // Makes the directory what it may be when power is lost before event `end`. Inodes are those that
  // the files had.
  void lose_power(std::size_t end, Survives what, std::mt19937& random);

 private:
  using Names = std::map<std::pair<ino_t, std::string>, ino_t>;  // by directory and name
  struct Entry {
    ino_t directory;
    std::string name;
    ino_t inode;  // 0: gone
  };
  struct Event {
    ino_t content_of = 0, sync_of = 0;
    std::string content;
    std::vector<Entry> entries;
  };
  struct Change {
    std::vector<Entry> entries;
    bool is_durable = false;
  };
  struct Disk {
    std::map<ino_t, std::vector<std::string>> versions;  // since the last sync, that one first
    std::vector<Change> changes;
  };

  void note();
  void note_sync(int fd);
  void walk(const std::filesystem::path& directory, ino_t inode, Names& names);
  void look_at(const std::filesystem::path& file, ino_t inode);
  [[nodiscard]] Disk disk_before(std::size_t end) const;
  void fill(const std::filesystem::path& directory, ino_t inode, const Names& names,
            const std::map<ino_t, std::string>& contents) const;
  [[nodiscard]] std::filesystem::path kept(ino_t inode) const;

  std::filesystem::path root_, kept_;
  ino_t root_inode_ = 0;
  std::set<ino_t> directories_;
  Names first_names_, names_;
  std::map<ino_t, std::string> first_contents_, contents_;
  std::vector<Event> events_;
  bool is_started_ = false;
};

}  // namespace mail::store
