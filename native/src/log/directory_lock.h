// The kernel's own lock on a directory: held by one open log at a time, across processes and containers, and gone with its
// holder whatever way that ends. File systems without such locks are taken on trust.
#pragma once
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <unistd.h>

namespace synod {

class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& directory)
      : fd_(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    isRefused_ = fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  }
  ~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  // Somebody else holds the directory.
  bool isRefused() const { return isRefused_; }

 private:
  const int fd_;
  bool isRefused_ = false;
};

}  // namespace synod
