// Link over a provider of libfabric: the peer writes bursts straight into this side's registered mailbox, and this side into the
// peer's, from the very rings that hold them; no processor of the receiver takes part where the hardware is real.
//
//   send ─▶ fi_writemsg {header slot, ring bytes} ─▶ peer's DATA, remote completion data as doorbell
//   poll ─▶ completions: released sources, arrivals ─▶ MailboxReader ─▶ credit: 16 bytes into the peer's CREDIT
//
// A dead peer gives no completion on some providers: whoever owns the link needs timers. One mutex per link; the domain's thread
// takes it only when it is free.
#pragma once
#include <mutex>
#include <vector>

#include "../mailbox/mailbox.h"
#include "fabric_domain.h"

namespace synod {

// What a peer needs to write here; goes over the authenticated sockets. Numbers in the byte order of the machines (little-endian).
struct FabricOffer {
  uint32_t form;
  uint32_t addressLength;
  uint64_t base, key, capacity;
  Nonce nonce;  // seeds the checksums of what is written here
  Nonce token;  // names the connection
  char provider[16];
  uint8_t address[128];
};
constexpr uint32_t kOfferForm = 1;
constexpr size_t kHeaderBytes = 64;  // of a slot: burst header or credit

class FabricLink : public Link {
 public:
  FabricLink(std::shared_ptr<FabricDomain> domain, std::shared_ptr<LoopWaker> waker) : domain_(std::move(domain)), waker_(std::move(waker)) {}
  ~FabricLink() override { close(); }

  int create(uint64_t capacity);
  FabricOffer offer() const;
  // The peer's offer, once. The dialler connects, with the token of the acceptor's offer; the acceptor waits for it. 0 or -errno.
  int meet(const FabricOffer& peer, bool isDialer);
  // Closes endpoint and registration: nothing of the peer lands here any more, and the memory is still there to look at.
  void fence();
  const uint8_t* memory() const { return memory_; }

  int send(const BurstSource& source) override;
  int hasRoom(uint32_t length) override;
  int64_t poll(uint8_t* target, uint64_t size) override;
  uint64_t released() override;
  bool arm() override;
  LinkState state() override { return state_; }
  int reason() override { return reason_; }
  void close() override;
  int scribble(uint64_t offset, const uint8_t* bytes, uint32_t length) override;

  // For the domain's thread.
  bool work(bool* isArmed);
  void connectIfDue();
  bool isExpecting(const Nonce& token);
  void accept(ofi::Info* request);
  bool owns(ofi::Fid* endpoint);
  void onConnected();
  void onShutdown(int error);
  // A descriptor to wait for, kNothingToWaitFor, or kMustNotWait: something happened since `work`.
  int prepareWait();
  static constexpr int kNothingToWaitFor = -1, kMustNotWait = -2;

 private:
  // An operation in flight; the provider's context must come first.
  struct Slot {
    ofi::Context context;
    bool isInUse, isDone, isBurst;
  };

  int openEndpoint(ofi::Info* info);
  int openForDatagrams();
  int resolvePeer();
  void closeEndpoint();
  void giveUpMemory();
  int postReceives();
  int write(Slot& slot, const iovec* vectors, void** descriptors, size_t count, uint64_t remoteOffset, uint32_t data);
  Slot* freeSlot();
  void progress();
  void onCompletion(const ofi::CqEntry& entry);
  void onError();
  void settle();
  void giveCredit();
  bool isDue();
  bool findsRoom(uint64_t length) const { return writer_.hasRoom(length) && inFlight_ + 2 <= slots_.size(); }
  int makeRoom(uint32_t length);
  int fail(int error);

  const std::shared_ptr<FabricDomain> domain_;
  const std::shared_ptr<LoopWaker> waker_;
  std::mutex mutex_;
  std::atomic<LinkState> state_{LinkState::kFresh};
  std::atomic<int> reason_{0};
  std::atomic<bool> isConnectDue_{false};
  bool isExpectingPeer_ = false;
  bool isArmed_ = false;
  bool isBlocked_ = false;
  bool isClosed_ = false;

  uint8_t* memory_ = nullptr;  // mailbox, then header slots
  size_t memorySize_ = 0;
  uint8_t* headers_ = nullptr;
  ofi::MemoryRegion* mailboxRegion_ = nullptr;
  ofi::MemoryRegion* headerRegion_ = nullptr;
  ofi::CompletionQueue* queue_ = nullptr;
  ofi::AddressVector* addresses_ = nullptr;
  ofi::Endpoint* endpoint_ = nullptr;
  int waitFd_ = -1;
  ofi::Address peerAddress_ = ofi::kAddrUnspec;

  FabricOffer own_{};
  FabricOffer peer_{};
  MailboxWriter writer_;
  MailboxReader reader_;
  std::vector<Slot> slots_;
  std::vector<ofi::Context> receives_;
  size_t nextSlot_ = 0, oldestSlot_ = 0, inFlight_ = 0;
  uint64_t released_ = 0, reported_ = 0;
  uint64_t arrivals_ = 0;
  uint64_t credited_ = 0;
  uint64_t blockedLength_ = 0;
  double unfinishedSinceMs_ = 0;
};

}  // namespace synod
