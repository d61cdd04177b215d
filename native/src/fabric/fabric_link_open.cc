// How a fabric link comes up: memory and registrations, the offer, the endpoint, the meeting.
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/random.h>

#include "fabric_link.h"

namespace synod {
namespace {

constexpr size_t kSlotsMax = 120;  // operations in flight
constexpr size_t kReceives = 256;  // arrivals whose doorbells may wait: more than a peer has in flight

}  // namespace

int FabricLink::create(uint64_t capacity) {
  const size_t slots = std::min(kSlotsMax, domain_->info().tx->size);
  memorySize_ = kMailboxData + capacity + slots * kHeaderBytes;
  void* memory = mmap(nullptr, memorySize_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  memory_ = static_cast<uint8_t*>(memory);
  headers_ = memory_ + kMailboxData + capacity;
  slots_.resize(slots);
  receives_.resize(kReceives);
  if (getrandom(own_.nonce.bytes, sizeof(Nonce), 0) != sizeof(Nonce) || getrandom(own_.token.bytes, sizeof(Nonce), 0) != sizeof(Nonce)) return -EIO;
  reader_ = MailboxReader(memory_ + kMailboxData, capacity, own_.nonce.seed());
  // Two registrations: the peer may write the mailbox, never the headers that go out.
  int rc = domain_->registerMemory(memory_, kMailboxData + capacity, ofi::kRemoteWrite | ofi::kWrite, &mailboxRegion_);
  if (rc == 0) rc = domain_->registerMemory(headers_, slots * kHeaderBytes, ofi::kWrite, &headerRegion_);
  if (rc == 0 && !domain_->hasConnections()) rc = openForDatagrams();
  if (rc != 0) return rc;
  own_.form = kOfferForm;
  own_.base = domain_->hasMode(ofi::kMrVirtAddr) ? reinterpret_cast<uint64_t>(memory_) : 0;
  own_.key = mailboxRegion_->key;
  own_.capacity = capacity;
  snprintf(own_.provider, sizeof own_.provider, "%s", domain_->providerName().c_str());
  if (domain_->hasConnections()) {
    if (domain_->listenAddress().size() > sizeof own_.address) return -ENAMETOOLONG;
    own_.addressLength = static_cast<uint32_t>(domain_->listenAddress().size());
    memcpy(own_.address, domain_->listenAddress().data(), own_.addressLength);
  } else {
    size_t length = sizeof own_.address;
    rc = endpoint_->cm->getName(&endpoint_->fid, own_.address, &length);
    own_.addressLength = static_cast<uint32_t>(length);
  }
  return rc;
}

FabricOffer FabricLink::offer() const { return own_; }

int FabricLink::meet(const FabricOffer& peer, bool isDialer) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isClosed_ || state_ != LinkState::kFresh) return -EALREADY;
  const bool isSane = peer.form == kOfferForm && peer.addressLength > 0 && peer.addressLength <= sizeof peer.address &&
                      isMailboxCapacity(static_cast<double>(peer.capacity)) && peer.provider[sizeof peer.provider - 1] == 0;
  if (!isSane) return fail(-EPROTO);
  if (domain_->providerName() != peer.provider) return fail(-EPROTONOSUPPORT);
  peer_ = peer;
  writer_ = MailboxWriter(peer.capacity, peer.nonce.seed());
  if (!domain_->hasConnections()) return resolvePeer();
  state_ = LinkState::kConnecting;
  if (isDialer) {
    isConnectDue_ = true;
    domain_->nudge();
  } else {
    isExpectingPeer_ = true;
  }
  return 0;
}

void FabricLink::connectIfDue() {
  if (!isConnectDue_.exchange(false)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (isClosed_ || reason_ != 0) return;
  // The provider's own description of this domain, with the peer's address: nothing is looked up.
  ofi::Info* info = domain_->library().duplicateInfo(&domain_->info());
  if (info == nullptr) {
    fail(-ENOMEM);
    return;
  }
  free(info->destination);
  info->destination = malloc(peer_.addressLength);
  info->destinationLength = peer_.addressLength;
  memcpy(info->destination, peer_.address, peer_.addressLength);
  int rc = openEndpoint(info);
  if (rc == 0) rc = endpoint_->cm->connect(endpoint_, peer_.address, peer_.token.bytes, sizeof(Nonce));
  domain_->library().freeInfo(info);
  if (rc != 0) fail(rc);
}

bool FabricLink::isExpecting(const Nonce& token) {
  std::lock_guard<std::mutex> lock(mutex_);
  return isExpectingPeer_ && reason_ == 0 && memcmp(own_.token.bytes, token.bytes, sizeof token.bytes) == 0;
}

void FabricLink::accept(ofi::Info* request) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isClosed_) return;
  isExpectingPeer_ = false;
  int rc = openEndpoint(request);
  if (rc == 0) rc = endpoint_->cm->accept(endpoint_, nullptr, 0);
  if (rc != 0) fail(rc);
}

bool FabricLink::owns(ofi::Fid* endpoint) {
  std::lock_guard<std::mutex> lock(mutex_);
  return endpoint_ != nullptr && &endpoint_->fid == endpoint;
}

void FabricLink::onConnected() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (state_ != LinkState::kConnecting) return;
  state_ = LinkState::kUp;
  if (waker_) waker_->wake();
}

void FabricLink::onShutdown(int error) {
  std::lock_guard<std::mutex> lock(mutex_);
  // What landed before is still there to be read.
  if (state_ == LinkState::kUp) progress();
  fail(error);
}

int FabricLink::openEndpoint(ofi::Info* info) {
  ofi::CqAttr attributes{};
  attributes.size = slots_.size() + kReceives + 16;
  attributes.format = ofi::kCqFormatData;
  attributes.waitObject = domain_->waitObject();
  int rc = domain_->domain()->ops->openCompletionQueue(domain_->domain(), &attributes, &queue_, nullptr);
  if (rc == 0) rc = domain_->domain()->ops->endpoint(domain_->domain(), info, &endpoint_, nullptr);
  if (rc != 0) return rc;
  if (domain_->hasConnections()) rc = endpoint_->fid.ops->bind(&endpoint_->fid, &domain_->eventQueue()->fid, 0);
  if (rc == 0 && addresses_ != nullptr) rc = endpoint_->fid.ops->bind(&endpoint_->fid, &addresses_->fid, 0);
  if (rc == 0) rc = endpoint_->fid.ops->bind(&endpoint_->fid, &queue_->fid, ofi::kSend | ofi::kRecv);
  if (rc == 0) rc = endpoint_->fid.ops->control(&endpoint_->fid, ofi::kControlEnable, nullptr);
  if (rc == 0) rc = postReceives();
  if (rc == 0 && domain_->waitObject() == ofi::kWaitFd) rc = queue_->fid.ops->control(&queue_->fid, ofi::kControlGetWait, &waitFd_);
  return rc;
}

int FabricLink::openForDatagrams() {
  ofi::AvAttr attributes{};
  attributes.type = domain_->info().domain->avType == ofi::kAvTable ? ofi::kAvTable : ofi::kAvMap;
  attributes.count = 1;
  const int rc = domain_->domain()->ops->openAddressVector(domain_->domain(), &attributes, &addresses_, nullptr);
  return rc != 0 ? rc : openEndpoint(const_cast<ofi::Info*>(&domain_->info()));
}

int FabricLink::resolvePeer() {
  const int count = addresses_->ops->insert(addresses_, peer_.address, 1, &peerAddress_, 0, nullptr);
  if (count != 1) return fail(count < 0 ? count : -EHOSTUNREACH);
  state_ = LinkState::kUp;
  if (waker_) waker_->wake();
  return 0;
}

// Arrivals with data consume a receive on hardware: there must always be one.
int FabricLink::postReceives() {
  if ((domain_->info().mode & ofi::kRxCqData) == 0 && (domain_->info().rx->mode & ofi::kRxCqData) == 0) return 0;
  for (ofi::Context& context : receives_) {
    const ssize_t rc = endpoint_->message->recv(endpoint_, headers_, 0, headerRegion_->descriptor, ofi::kAddrUnspec, &context);
    if (rc != 0) return rc == -EAGAIN ? 0 : static_cast<int>(rc);
  }
  return 0;
}

}  // namespace synod
