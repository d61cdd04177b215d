// Memory of a mailbox that another process of this host maps: an anonymous file, sealed so that nobody can cut it under the other's
// feet (a read behind the end would be SIGBUS), found through its owner's /proc entry. It vanishes with its last mapping:
// nothing is left behind by a process that is killed.
#pragma once
#include <cstdint>

#include "../mailbox/mailbox.h"

namespace synod {

class SharedMailbox {
 public:
  SharedMailbox() = default;
  SharedMailbox(const SharedMailbox&) = delete;
  SharedMailbox& operator=(const SharedMailbox&) = delete;
  ~SharedMailbox();

  // A fresh mailbox of this process. 0 or -errno.
  int create(uint64_t capacity);
  // The mailbox that process `pid` has as descriptor `fd`, if it is the one meant. 0 or -errno.
  int attach(int pid, int fd, const Nonce& nonce, uint64_t capacity);

  uint8_t* bytes() const { return bytes_; }
  uint8_t* data() const { return bytes_ + kMailboxData; }
  uint64_t capacity() const { return capacity_; }
  const Nonce& nonce() const { return nonce_; }
  int fd() const { return fd_; }
  bool isMapped() const { return bytes_ != nullptr; }

 private:
  int map(int fd);

  uint8_t* bytes_ = nullptr;
  uint64_t capacity_ = 0;
  Nonce nonce_{};
  int fd_ = -1;  // open while others may attach
};

}  // namespace synod
