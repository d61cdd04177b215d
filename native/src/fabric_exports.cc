// Exports of libfabric: domains by handle, and their links.
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <napi.h>

#include "exports.h"
#include "fabric/fabric_link.h"
#include "mailbox/napi_waker.h"

namespace synod {
namespace {

// The domains of the process. Each belongs to the isolate that opened it, and ends with it.
struct OpenDomains {
  std::mutex mutex;
  std::map<int, std::pair<void*, std::shared_ptr<FabricDomain>>> all;
  int next = 0;
};

OpenDomains& domains() {
  static OpenDomains* open = new OpenDomains();  // never destroyed: threads may outlive static destructors
  return *open;
}

std::shared_ptr<FabricDomain> domainAt(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(domains().mutex);
  const auto found = domains().all.find(intAt(info, 0));
  return found == domains().all.end() ? nullptr : found->second.second;
}

void closeDomain(int handle) {
  std::shared_ptr<FabricDomain> domain;
  {
    std::lock_guard<std::mutex> lock(domains().mutex);
    const auto found = domains().all.find(handle);
    if (found == domains().all.end()) return;
    domain = found->second.second;
    domains().all.erase(found);
  }
  domain->close();
}

void leave(void* env) {
  LinkRegistry::instance().closeAllOf(env);
  std::vector<int> handles;
  {
    std::lock_guard<std::mutex> lock(domains().mutex);
    for (const auto& entry : domains().all) {
      if (entry.second.first == env) handles.push_back(entry.first);
    }
  }
  for (const int handle : handles) closeDomain(handle);
}

std::shared_ptr<LoopWaker> wakerAt(const Napi::CallbackInfo& info, size_t i) {
  return info[i].IsFunction() ? NapiWaker::make(info.Env(), info[i].As<Napi::Function>()) : nullptr;
}

// fabricOpen(provider, address, onChange)
Napi::Value FabricOpen(const Napi::CallbackInfo& info) {
  auto domain = std::make_shared<FabricDomain>(info[0].ToString().Utf8Value(), info[1].ToString().Utf8Value());
  int handle;
  {
    std::lock_guard<std::mutex> lock(domains().mutex);
    handle = ++domains().next;
    domains().all[handle] = {static_cast<napi_env>(info.Env()), domain};
  }
  domain->start(wakerAt(info, 2));
  return number(info, handle);
}

Napi::Value FabricStatus(const Napi::CallbackInfo& info) {
  const auto domain = domainAt(info);
  Napi::Object result = Napi::Object::New(info.Env());
  const FabricState state = domain ? domain->state() : FabricState::kFailed;
  result.Set("state", state == FabricState::kOpening ? "opening" : state == FabricState::kReady ? "ready" : "failed");
  result.Set("why", domain ? domain->why() : "closed");
  if (state != FabricState::kReady) return result;
  result.Set("provider", domain->providerName());
  result.Set("connections", domain->hasConnections());
  result.Set("doorbell", domain->hasDoorbell());
  result.Set("fence", domain->fence() == FenceProof::kProven ? "proven" : "untested");
  result.Set("mrMode", domain->info().domain->mrMode);
  return result;
}

void FabricClose(const Napi::CallbackInfo& info) { closeDomain(intAt(info, 0)); }

// fabricLink(domain, capacity, onWake)
Napi::Value MakeLink(const Napi::CallbackInfo& info) {
  const auto domain = domainAt(info);
  const double capacity = numberAt(info, 1);
  if (!domain || domain->state() != FabricState::kReady) return number(info, -EBADF);
  if (!isMailboxCapacity(capacity)) return number(info, -EINVAL);
  auto link = std::make_shared<FabricLink>(domain, wakerAt(info, 2));
  const int rc = link->create(static_cast<uint64_t>(capacity));
  if (rc != 0) {
    link->close();
    return number(info, rc);
  }
  domain->add(link);
  return number(info, LinkRegistry::instance().add(static_cast<napi_env>(info.Env()), link));
}

// fabricOffer(link): bytes for the peer.
Napi::Value Offer(const Napi::CallbackInfo& info) {
  const auto link = LinkRegistry::instance().find(intAt(info, 0));
  const auto* fabric = dynamic_cast<FabricLink*>(link.get());
  if (fabric == nullptr) return number(info, -EBADF);
  const FabricOffer offer = fabric->offer();
  return Napi::Buffer<uint8_t>::Copy(info.Env(), reinterpret_cast<const uint8_t*>(&offer), sizeof offer);
}

// fabricMeet(link, offer, isDialer)
Napi::Value Meet(const Napi::CallbackInfo& info) {
  const auto link = LinkRegistry::instance().find(intAt(info, 0));
  auto* fabric = dynamic_cast<FabricLink*>(link.get());
  if (fabric == nullptr) return number(info, -EBADF);
  if (!info[1].IsTypedArray()) return number(info, -EINVAL);
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  FabricOffer offer;
  if (bytes.ByteLength() != sizeof offer) return number(info, -EPROTO);
  memcpy(&offer, bytes.Data(), sizeof offer);
  return number(info, fabric->meet(offer, boolAt(info, 2)));
}

// fabricFence(link): nothing of the peer lands any more; the mailbox can still be looked at.
Napi::Value Fence(const Napi::CallbackInfo& info) {
  const auto link = LinkRegistry::instance().find(intAt(info, 0));
  auto* fabric = dynamic_cast<FabricLink*>(link.get());
  if (fabric == nullptr) return number(info, -EBADF);
  fabric->fence();
  return number(info, 0);
}

// fabricPeek(link, offset, target): tests look at the mailbox's data without taking anything.
Napi::Value Peek(const Napi::CallbackInfo& info) {
  const auto link = LinkRegistry::instance().find(intAt(info, 0));
  const auto* fabric = dynamic_cast<FabricLink*>(link.get());
  if (fabric == nullptr || fabric->memory() == nullptr || !info[2].IsTypedArray()) return number(info, -EBADF);
  Napi::Uint8Array target = info[2].As<Napi::Uint8Array>();
  const double offset = numberAt(info, 1);
  if (!(offset >= 0 && offset + target.ByteLength() <= fabric->offer().capacity)) return number(info, -EINVAL);
  memcpy(target.Data(), fabric->memory() + kMailboxData + static_cast<size_t>(offset), target.ByteLength());
  return number(info, 0);
}

}  // namespace

void exportFabric(Napi::Env env, Napi::Object exports) {
  napi_add_env_cleanup_hook(env, leave, static_cast<napi_env>(env));
  exports.Set("fabricOpen", Napi::Function::New(env, FabricOpen));
  exports.Set("fabricStatus", Napi::Function::New(env, FabricStatus));
  exports.Set("fabricClose", Napi::Function::New(env, FabricClose));
  exports.Set("fabricLink", Napi::Function::New(env, MakeLink));
  exports.Set("fabricOffer", Napi::Function::New(env, Offer));
  exports.Set("fabricMeet", Napi::Function::New(env, Meet));
  exports.Set("fabricFence", Napi::Function::New(env, Fence));
  exports.Set("fabricPeek", Napi::Function::New(env, Peek));
}

}  // namespace synod
