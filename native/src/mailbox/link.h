// A link as the transport worker sees it, whatever carries it, and the links of the process by handle.
//
// All functions but those of watchers run on the thread that owns the link, and none of them waits: what cannot be done now
// says so and is tried again when the waker has called.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace synod {

// Calls the owner's event loop. Kept apart from Node-API, which only the exports need.
class LoopWaker {
 public:
  virtual ~LoopWaker() = default;
  // From any thread. After the end of the loop it does nothing.
  virtual void wake() = 0;
  // By the owner, when no thread will call `wake` any more.
  virtual void release() = 0;
};

enum class LinkState { kFresh = 0, kConnecting = 1, kUp = 2, kClosed = 3 };

// What a burst is made of: bytes of attached memory, which some links register as a whole.
struct BurstSource {
  const uint8_t* region;
  size_t regionSize;
  const uint8_t* bytes;
  uint32_t length, tag;
};

class Link {
 public:
  virtual ~Link() = default;
  // 1 taken, 0 no room now, below 0 = -errno: the link is of no more use. The bytes stay untouched until `released` counts the burst.
  virtual int send(const BurstSource& source) = 0;
  // 1: a burst of `length` finds room now; 0: it does not, and the waker calls when that changes; below 0 = -errno.
  virtual int hasRoom(uint32_t length) = 0;
  // Bytes of whole bursts in `target` (see MailboxReader), 0 = none, or -errno.
  virtual int64_t poll(uint8_t* target, uint64_t size) = 0;
  // Bursts whose source may be overwritten, counted from the start.
  virtual uint64_t released() = 0;
  // True: nothing is to be done, and the waker will call once when that changes.
  virtual bool arm() = 0;
  virtual LinkState state() = 0;
  // Why it closed: an errno, 0 = by this side.
  virtual int reason() = 0;
  // Idempotent. What the peer still writes lands nowhere, or in memory that nobody reads any more.
  virtual void close() = 0;
  // Tests: overwrites bytes of the peer's mailbox from outside, as a faulty or dying sender would.
  virtual int scribble(uint64_t offset, const uint8_t* bytes, uint32_t length) = 0;
};

class LinkRegistry {
 public:
  static LinkRegistry& instance() {
    static LinkRegistry* registry = new LinkRegistry();  // never destroyed: threads may outlive static destructors
    return *registry;
  }

  int add(void* owner, std::shared_ptr<Link> link) {
    std::lock_guard<std::mutex> lock(mutex_);
    links_[++next_] = Entry{owner, std::move(link)};
    return next_;
  }

  std::shared_ptr<Link> find(int handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = links_.find(handle);
    return found == links_.end() ? nullptr : found->second.link;
  }

  void close(int handle) {
    std::shared_ptr<Link> link;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = links_.find(handle);
      if (found == links_.end()) return;
      link = std::move(found->second.link);
      links_.erase(found);
    }
    link->close();
  }

  // An isolate ends: its links end with it.
  void closeAllOf(void* owner) {
    while (true) {
      int handle = 0;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        for (const auto& entry : links_) {
          if (entry.second.owner == owner) handle = entry.first;
        }
      }
      if (handle == 0) return;
      close(handle);
    }
  }

 private:
  struct Entry {
    void* owner;
    std::shared_ptr<Link> link;
  };
  std::mutex mutex_;
  std::map<int, Entry> links_;
  int next_ = 0;
};

}  // namespace synod
