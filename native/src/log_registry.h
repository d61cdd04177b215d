// The logs of this process, by handle and by directory: a handle outlives the isolate that opened it.
#pragma once
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "log/directory_lock.h"
#include "log/log.h"

namespace synod {

class LogRegistry {
 public:
  static LogRegistry& instance() {
    static LogRegistry* registry = new LogRegistry();  // never destroyed: worker threads may outlive static destructors
    return *registry;
  }

  // A handle > 0, or -EBUSY where the directory is open in this process or in another one.
  int open(const std::string& directory, LogMode mode, bool mayUseRing) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& entry : logs_) {
      if (entry.second->directory() == directory) return -EBUSY;
    }
    auto held = std::make_unique<DirectoryLock>(directory);
    if (held->isRefused()) return -EBUSY;
    const int handle = ++next_;
    locks_[handle] = std::move(held);
    logs_[handle] = std::make_shared<Log>(directory, mode, mayUseRing);
    return handle;
  }

  std::shared_ptr<Log> find(int handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = logs_.find(handle);
    return found == logs_.end() ? nullptr : found->second;
  }

  // Drains and closes; unknown handles were closed already.
  void close(int handle) {
    std::shared_ptr<Log> log;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = logs_.find(handle);
      if (found == logs_.end()) return;
      log = found->second;
    }
    log->close();
    std::lock_guard<std::mutex> lock(mutex_);
    logs_.erase(handle);
    locks_.erase(handle);
  }

  // At the end of the process: memory that is being written from goes away with the last isolate.
  void closeAll() {
    int handle = 0;
    do {
      close(handle);
      std::lock_guard<std::mutex> lock(mutex_);
      handle = logs_.empty() ? 0 : logs_.begin()->first;
    } while (handle > 0);
  }

  void closeDirectory(const std::string& directory) {
    int handle = 0;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (const auto& entry : logs_) {
        if (entry.second->directory() == directory) handle = entry.first;
      }
    }
    if (handle > 0) close(handle);
  }

 private:
  std::mutex mutex_;
  std::map<int, std::shared_ptr<Log>> logs_;
  std::map<int, std::unique_ptr<DirectoryLock>> locks_;
  int next_ = 0;
};

}  // namespace synod
