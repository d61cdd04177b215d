// A provider of libfabric, opened at one address: what all links over it share, and the thread that drives them.
//
//   thread: open, prove the fence ─▶ ready ─▶ event queue: connection requests by token, connected, shut down
//                                        └─▶ each link: completions, arrivals ─▶ waker of its owner
//
// Software providers move nothing unless somebody polls, and connecting may take its time: both happen here, so that no call of
// the owning thread waits for a peer.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../mailbox/link.h"
#include "library.h"

namespace synod {

class FabricLink;

enum class FabricState { kOpening = 0, kReady = 1, kFailed = 2 };
enum class FenceProof { kUntested = 0, kProven = 1, kBroken = 2 };

class FabricDomain : public std::enable_shared_from_this<FabricDomain> {
 public:
  // `provider`: auto, verbs, efa, tcp or shm. `address`: numeric address of this host to listen at; empty = any.
  FabricDomain(std::string provider, std::string address) : wanted_(std::move(provider)), address_(std::move(address)) {}
  ~FabricDomain() { close(); }

  // Opens on a thread of its own; the waker is called when the state changed.
  void start(std::shared_ptr<LoopWaker> waker);
  void close();

  FabricState state() const { return state_; }
  std::string why();
  std::string providerName() const { return info_->fabric->providerName; }
  bool hasConnections() const { return info_->ep->type == ofi::kEpMsg; }
  bool hasDoorbell() const { return info_->domain->cqDataSize >= 4; }
  bool hasMode(int bit) const { return (info_->domain->mrMode & bit) != 0; }
  FenceProof fence() const { return fence_; }

  // What links use.
  const FabricLibrary& library() const { return *library_; }
  const ofi::Info& info() const { return *info_; }
  ofi::Domain* domain() const { return domain_; }
  ofi::EventQueue* eventQueue() const { return eventQueue_; }
  const std::string& listenAddress() const { return listenAddress_; }
  int waitObject() const { return waitObject_; }
  int registerMemory(void* bytes, size_t size, uint64_t access, ofi::MemoryRegion** region);
  // Descriptor of memory that bursts are sent from; it is registered when it is first seen, as a whole.
  int describeSource(const uint8_t* region, size_t size, void** descriptor);
  bool mayWaitFor(ofi::Fid* queue) { return fabric_->ops->tryWait(fabric_, &queue, 1) == 0; }
  void add(const std::shared_ptr<FabricLink>& link);
  void remove(FabricLink* link);
  // Wakes the thread: there is something to do besides what it waits for.
  void nudge();

 private:
  void run();
  int open();
  int tryProvider(const std::string& provider, int endpointType);
  int openObjects();
  int openListener();
  int proveFence();
  int proveFenceOf(FabricLink& writer, FabricLink& fenced);
  void readEvents();
  void onRequest(const ofi::EqCmEntry& entry, size_t length);
  std::shared_ptr<FabricLink> linkOf(ofi::Fid* endpoint);
  bool turn(const std::vector<std::shared_ptr<FabricLink>>& links, bool* isArmed);
  void waitForWork(const std::vector<std::shared_ptr<FabricLink>>& links, bool isArmed);
  void rest(bool isArmed);
  void closeObjects();
  void fail(int error, const std::string& step);

  const std::string wanted_;
  const std::string address_;
  const FabricLibrary* library_ = nullptr;
  ofi::Info* info_ = nullptr;
  ofi::Fabric* fabric_ = nullptr;
  ofi::Domain* domain_ = nullptr;
  ofi::EventQueue* eventQueue_ = nullptr;
  ofi::PassiveEndpoint* listener_ = nullptr;
  std::string listenAddress_;
  int waitObject_ = ofi::kWaitFd;
  std::shared_ptr<LoopWaker> waker_;
  std::thread thread_;
  std::atomic<bool> isStopping_{false};
  std::atomic<FabricState> state_{FabricState::kOpening};
  FenceProof fence_ = FenceProof::kUntested;
  int eventFd_ = -1;  // of the event queue
  int nudgeFd_ = -1;  // a link was added, or the end has come

  std::mutex mutex_;  // everything below
  std::string why_;
  std::vector<std::shared_ptr<FabricLink>> links_;
  struct Source {
    ofi::MemoryRegion* region;
    size_t size;
  };
  std::map<const uint8_t*, Source> sources_;
  uint64_t nextKey_ = 1;
  int quietTurns_ = 0;
};

}  // namespace synod
