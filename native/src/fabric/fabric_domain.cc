#include "fabric_domain.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fabric_link.h"

namespace synod {
namespace {

constexpr int kErrorAvailable = 259;  // FI_EAVAIL
constexpr int kWaitMs = 100;
constexpr long kPauseUs = 200;       // between turns while the owners poll for themselves
constexpr long kShortPauseUs = 20;   // providers without a descriptor to wait for, just after work
constexpr long kLongPauseUs = 1000;  // and when nothing has come for a while
constexpr int kQuietTurns = 500;

struct Choice {
  const char* name;
  int endpointType;
};
constexpr Choice kHardware[] = {{"verbs", ofi::kEpMsg}, {"efa", ofi::kEpRdm}};
constexpr Choice kSoftware[] = {{"tcp", ofi::kEpMsg}, {"shm", ofi::kEpRdm}};

template <typename Object>
void closeObject(Object*& object) {
  if (object != nullptr) object->fid.ops->close(&object->fid);
  object = nullptr;
}

void pauseUs(long us) {
  const timespec time{0, us * 1000};
  nanosleep(&time, nullptr);
}

}  // namespace

void FabricDomain::start(std::shared_ptr<LoopWaker> waker) {
  waker_ = std::move(waker);
  nudgeFd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  thread_ = std::thread([this] { run(); });
}

void FabricDomain::close() {
  if (isStopping_.exchange(true)) return;
  nudge();
  if (thread_.joinable()) thread_.join();
  std::vector<std::shared_ptr<FabricLink>> links;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    links = links_;
  }
  for (const auto& link : links) link->close();
  closeObjects();
  if (nudgeFd_ >= 0) ::close(nudgeFd_);
  nudgeFd_ = -1;
  if (waker_) waker_->release();
}

std::string FabricDomain::why() {
  std::lock_guard<std::mutex> lock(mutex_);
  return why_;
}

void FabricDomain::fail(int error, const std::string& step) {
  std::lock_guard<std::mutex> lock(mutex_);
  why_ = step;
  if (error != 0 && library_ != nullptr) why_ += ": " + std::string(library_->errorText(-error));
}

int FabricDomain::registerMemory(void* bytes, size_t size, uint64_t access, ofi::MemoryRegion** region) {
  uint64_t key;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    key = nextKey_++;
  }
  return domain_->mr->reg(&domain_->fid, bytes, size, access, 0, key, 0, region, nullptr);
}

int FabricDomain::describeSource(const uint8_t* region, size_t size, void** descriptor) {
  *descriptor = nullptr;
  if (!hasMode(ofi::kMrLocal)) return 0;
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = sources_.find(region);
  if (found != sources_.end() && found->second.size != size) {
    closeObject(found->second.region);
    sources_.erase(found);
    found = sources_.end();
  }
  if (found == sources_.end()) {
    ofi::MemoryRegion* registered = nullptr;
    const int rc = domain_->mr->reg(&domain_->fid, region, size, ofi::kWrite, 0, nextKey_++, 0, &registered, nullptr);
    if (rc != 0) return rc;
    found = sources_.emplace(region, Source{registered, size}).first;
  }
  *descriptor = found->second.region->descriptor;
  return 0;
}

void FabricDomain::add(const std::shared_ptr<FabricLink>& link) {
  std::lock_guard<std::mutex> lock(mutex_);
  links_.push_back(link);
  nudge();
}

void FabricDomain::nudge() {
  const uint64_t one = 1;
  // A full counter wakes as well.
  if (nudgeFd_ >= 0 && write(nudgeFd_, &one, sizeof one) < 0) return;
}

void FabricDomain::remove(FabricLink* link) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < links_.size(); i++) {
    if (links_[i].get() != link) continue;
    links_.erase(links_.begin() + static_cast<long>(i));
    return;
  }
}

void FabricDomain::run() {
  const int rc = open();
  state_ = rc == 0 ? FabricState::kReady : FabricState::kFailed;
  if (waker_) waker_->wake();
  if (rc != 0) return;
  std::vector<std::shared_ptr<FabricLink>> links;
  while (!isStopping_) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      links = links_;
    }
    bool isArmed = false;
    if (!turn(links, &isArmed)) waitForWork(links, isArmed);
  }
}

bool FabricDomain::turn(const std::vector<std::shared_ptr<FabricLink>>& links, bool* isArmed) {
  bool isBusy = false;
  for (const auto& link : links) link->connectIfDue();
  if (eventQueue_ != nullptr) readEvents();
  for (const auto& link : links) isBusy = link->work(isArmed) || isBusy;
  quietTurns_ = isBusy ? 0 : quietTurns_ + 1;
  return isBusy && *isArmed;
}

void FabricDomain::waitForWork(const std::vector<std::shared_ptr<FabricLink>>& links, bool isArmed) {
  if (waitObject_ != ofi::kWaitFd) return rest(isArmed);
  pollfd fds[64];
  nfds_t count = 0;
  fds[count++] = {nudgeFd_, POLLIN, 0};
  if (eventFd_ >= 0) {
    if (!mayWaitFor(&eventQueue_->fid)) return;
    fds[count++] = {eventFd_, POLLIN, 0};
  }
  for (const auto& link : links) {
    const int fd = link->prepareWait();
    if (fd == FabricLink::kMustNotWait) return isArmed ? void() : pauseUs(kPauseUs);
    if (fd >= 0 && count < 64) fds[count++] = {fd, POLLIN, 0};
  }
  // The owners are awake and poll for themselves: this thread only sees to it that a busy owner loses nothing.
  if (!isArmed && !links.empty()) pauseUs(kPauseUs);
  ::poll(fds, count, kWaitMs);
  uint64_t nudges;
  if ((fds[0].revents & POLLIN) != 0 && read(nudgeFd_, &nudges, sizeof nudges) < 0) return;
}

// Nothing to wait for: look again, less and less often.
void FabricDomain::rest(bool isArmed) {
  if (!isArmed) return pauseUs(kPauseUs);
  pauseUs(quietTurns_ < kQuietTurns ? kShortPauseUs : kLongPauseUs);
}

void FabricDomain::readEvents() {
  ofi::EqCmEntry entry;
  uint32_t event = 0;
  while (true) {
    const ssize_t length = eventQueue_->ops->read(eventQueue_, &event, &entry, sizeof entry, 0);
    if (length == -kErrorAvailable) {
      ofi::EqErrorEntry error{};
      if (eventQueue_->ops->readError(eventQueue_, &error, 0) <= 0) return;
      if (const auto link = linkOf(error.fid)) link->onShutdown(error.error != 0 ? -error.error : -ECONNREFUSED);
      continue;
    }
    if (length <= 0) return;
    if (event == ofi::kConnReq) {
      onRequest(entry, static_cast<size_t>(length));
    } else if (const auto link = linkOf(entry.fid)) {
      event == ofi::kConnected ? link->onConnected() : link->onShutdown(-ECONNRESET);
    }
  }
}

// Whoever cannot name a link that is being waited for is turned away: tokens travel over the authenticated sockets only.
void FabricDomain::onRequest(const ofi::EqCmEntry& entry, size_t length) {
  Nonce token{};
  std::vector<std::shared_ptr<FabricLink>> links;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    links = links_;
  }
  std::shared_ptr<FabricLink> expected;
  if (length >= offsetof(ofi::EqCmEntry, data) + sizeof token.bytes) {
    memcpy(token.bytes, entry.data, sizeof token.bytes);
    for (const auto& link : links) {
      if (link->isExpecting(token)) expected = link;
    }
  }
  if (expected) {
    expected->accept(entry.info);
  } else {
    listener_->cm->reject(listener_, entry.info->handle, nullptr, 0);
  }
  library_->freeInfo(entry.info);
}

std::shared_ptr<FabricLink> FabricDomain::linkOf(ofi::Fid* endpoint) {
  std::vector<std::shared_ptr<FabricLink>> links;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    links = links_;
  }
  for (const auto& link : links) {
    if (link->owns(endpoint)) return link;
  }
  return nullptr;
}

int FabricDomain::open() {
  std::string why;
  library_ = FabricLibrary::load(&why);
  if (library_ == nullptr) {
    fail(0, why);
    return -ENOSYS;
  }
  int rc = -ENODEV;
  for (const Choice& choice : kHardware) {
    if (rc != 0 && (wanted_ == "auto" || wanted_ == choice.name)) rc = tryProvider(choice.name, choice.endpointType);
  }
  for (const Choice& choice : kSoftware) {
    if (rc != 0 && wanted_ == choice.name) rc = tryProvider(choice.name, choice.endpointType);
  }
  if (rc != 0 && why_.empty()) fail(rc, wanted_ == "auto" ? "no RDMA hardware" : "provider " + wanted_);
  return rc;
}

int FabricDomain::tryProvider(const std::string& provider, int endpointType) {
  ofi::Info* hints = library_->duplicateInfo(nullptr);
  if (hints == nullptr) return -ENOMEM;
  hints->caps = ofi::kMsg | ofi::kRma;
  hints->mode = ofi::kContext | ofi::kContext2 | ofi::kRxCqData;
  hints->ep->type = endpointType;
  hints->domain->mrMode = ofi::kMrLocal | ofi::kMrVirtAddr | ofi::kMrAllocated | ofi::kMrProvKey;
  hints->domain->threading = ofi::kThreadSafe;
  hints->fabric->providerName = strdup(provider.c_str());
  const bool isBound = !address_.empty() && provider != "shm";
  const uint64_t flags = isBound ? ofi::kSource : 0;
  int rc = library_->getInfo(ofi::version(1, 9), isBound ? address_.c_str() : nullptr, nullptr, flags, hints, &info_);
  library_->freeInfo(hints);
  std::string step = "no provider " + provider;
  if (rc == 0) {
    step = provider + ": ";
    const bool isUsable = info_->tx->iovLimit >= 2 && info_->domain->mrKeySize <= 8 && info_->tx->size >= 8;
    rc = isUsable ? openObjects() : -EOPNOTSUPP;
    if (rc == 0) rc = proveFence();
  }
  if (rc != 0) {
    fail(rc, step);
    closeObjects();
  }
  return rc;
}

int FabricDomain::openObjects() {
  int rc = library_->openFabric(info_->fabric, &fabric_, nullptr);
  if (rc == 0) rc = fabric_->ops->domain(fabric_, info_, &domain_, nullptr);
  if (rc != 0) return rc;
  waitObject_ = ofi::kWaitNone;
  ofi::CqAttr attributes{};
  attributes.size = 16;
  attributes.format = ofi::kCqFormatData;
  attributes.waitObject = ofi::kWaitFd;
  ofi::CompletionQueue* probe = nullptr;
  int fd = -1;
  if (domain_->ops->openCompletionQueue(domain_, &attributes, &probe, nullptr) == 0) {
    if (probe->fid.ops->control(&probe->fid, ofi::kControlGetWait, &fd) == 0 && fd >= 0) waitObject_ = ofi::kWaitFd;
    closeObject(probe);
  }
  return hasConnections() ? openListener() : 0;
}

int FabricDomain::openListener() {
  ofi::EqAttr attributes{};
  attributes.size = 64;
  attributes.waitObject = waitObject_;
  int rc = fabric_->ops->openEventQueue(fabric_, &attributes, &eventQueue_, nullptr);
  if (rc == 0) rc = fabric_->ops->passiveEndpoint(fabric_, info_, &listener_, nullptr);
  if (rc == 0) rc = listener_->fid.ops->bind(&listener_->fid, &eventQueue_->fid, 0);
  if (rc == 0) rc = listener_->cm->listen(listener_);
  if (rc == 0 && waitObject_ == ofi::kWaitFd) rc = eventQueue_->fid.ops->control(&eventQueue_->fid, ofi::kControlGetWait, &eventFd_);
  uint8_t address[128];
  size_t length = sizeof address;
  if (rc == 0) rc = listener_->cm->getName(&listener_->fid, address, &length);
  if (rc == 0) listenAddress_.assign(reinterpret_cast<char*>(address), length);
  return rc;
}

void FabricDomain::closeObjects() {
  for (auto& entry : sources_) closeObject(entry.second.region);
  sources_.clear();
  closeObject(listener_);
  closeObject(eventQueue_);
  closeObject(domain_);
  closeObject(fabric_);
  eventFd_ = -1;
  if (info_ != nullptr) library_->freeInfo(info_);
  info_ = nullptr;
}

}  // namespace synod
