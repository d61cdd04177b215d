// Link between two processes of one host: each owns the mailbox it reads and has mapped the one it writes.
//
//   sender                               receiver
//   copy payload, header last            arm: SLEEPING := 1, look again
//   SLEEPING? swap for 0, RINGS + 1  ──▶ watcher waits for RINGS (futex over the mapping) ─▶ event loop ─▶ poll
//   full: WANT_ROOM := 1, look again ◀── after a release: WANT_ROOM? swap for 0, RINGS + 1 of the sender's own mailbox
//
// An awake receiver costs the sender one load. The watcher sleeps in the kernel; on machines with cores to spare it looks for
// `spinNs` first.
#pragma once
#include <thread>

#include "../mailbox/link.h"
#include "shared_mailbox.h"

namespace synod {

// Words at kMailboxDoorbell. Written by whom each comment says; all sequentially consistent.
struct MailboxDoorbell {
  std::atomic<int32_t> sleeping;  // receiver 1; sender or receiver 0
  std::atomic<int32_t> rings;     // grows; what the watcher waits on
  std::atomic<int32_t> waiting;   // watcher: in the kernel
  std::atomic<int32_t> wantRoom;  // sender 1; receiver 0
  std::atomic<int32_t> closed;    // sender: it will write no more
};
static_assert(sizeof(MailboxDoorbell) <= kMailboxCredit - kMailboxDoorbell, "the doorbell has a line of its own");

class ShmLink : public Link {
 public:
  explicit ShmLink(int64_t spinNs) : spinNs_(spinNs) {}
  ~ShmLink() override { close(); }

  int create(uint64_t capacity);
  // Maps the peer's mailbox; with a waker, its watcher starts. 0 or -errno.
  int attach(int pid, int fd, const Nonce& nonce, uint64_t capacity, std::shared_ptr<LoopWaker> waker);
  const SharedMailbox& own() const { return own_; }

  int send(const BurstSource& source) override;
  int hasRoom(uint32_t length) override;
  int64_t poll(uint8_t* target, uint64_t size) override;
  uint64_t released() override { return sent_; }
  bool arm() override;
  LinkState state() override;
  int reason() override { return reason_; }
  void close() override;
  int scribble(uint64_t offset, const uint8_t* bytes, uint32_t length) override;

 private:
  MailboxDoorbell& ownBell() const { return *reinterpret_cast<MailboxDoorbell*>(own_.bytes() + kMailboxDoorbell); }
  MailboxDoorbell& peerBell() const { return *reinterpret_cast<MailboxDoorbell*>(peer_.bytes() + kMailboxDoorbell); }
  bool findsRoom(uint64_t length);
  void watch();
  int fail(int error);

  SharedMailbox own_;
  SharedMailbox peer_;
  MailboxWriter writer_;
  MailboxReader reader_;
  std::shared_ptr<LoopWaker> waker_;
  std::thread watcher_;
  std::atomic<bool> isStopping_{false};
  const int64_t spinNs_;
  uint64_t sent_ = 0;
  uint64_t blockedLength_ = 0;
  bool isBlocked_ = false;
  bool isClosed_ = false;
  int reason_ = 0;
};

}  // namespace synod
