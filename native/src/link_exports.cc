// Exports of links between processes: what all kinds have in common, and the shared-memory ones.
#include <cerrno>
#include <napi.h>
#include <unistd.h>

#include "exports.h"
#include "mailbox/link.h"
#include "mailbox/napi_waker.h"
#include "mailbox/ring_race.h"
#include "shm/shm_link.h"

namespace synod {
namespace {

std::shared_ptr<Link> linkAt(const Napi::CallbackInfo& info) { return LinkRegistry::instance().find(intAt(info, 0)); }

// linkSend(link, region, offset, length, tag)
Napi::Value LinkSend(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  const uint32_t id = intAt(info, 1);
  const double length = numberAt(info, 3);
  const uint8_t* bytes = regions(info).at(id, numberAt(info, 2), length);
  if (!link) return number(info, -EBADF);
  if (bytes == nullptr || length > UINT32_MAX) return number(info, -EINVAL);
  const Region& region = regions(info).all[id];
  const BurstSource source{region.bytes, region.size, bytes, static_cast<uint32_t>(length), static_cast<uint32_t>(intAt(info, 4))};
  return number(info, link->send(source));
}

// linkHasRoom(link, length)
Napi::Value LinkHasRoom(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  return number(info, link ? link->hasRoom(static_cast<uint32_t>(intAt(info, 1))) : -EBADF);
}

// linkPoll(link, region, offset, size)
Napi::Value LinkPoll(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  const double size = numberAt(info, 3);
  uint8_t* target = regions(info).at(intAt(info, 1), numberAt(info, 2), size);
  if (!link) return number(info, -EBADF);
  if (target == nullptr) return number(info, -EINVAL);
  return number(info, static_cast<double>(link->poll(target, static_cast<uint64_t>(size))));
}

Napi::Value LinkReleased(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  return number(info, link ? static_cast<double>(link->released()) : -EBADF);
}

Napi::Value LinkArm(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  return Napi::Boolean::New(info.Env(), link && link->arm());
}

Napi::Value StateOf(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  return number(info, static_cast<int>(link ? link->state() : LinkState::kClosed));
}

Napi::Value LinkReason(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  return number(info, link ? link->reason() : 0);
}

void LinkClose(const Napi::CallbackInfo& info) { LinkRegistry::instance().close(intAt(info, 0)); }

Napi::Value LinkScribble(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  if (!link || !info[2].IsTypedArray()) return number(info, -EINVAL);
  Napi::Uint8Array bytes = info[2].As<Napi::Uint8Array>();
  return number(info, link->scribble(static_cast<uint64_t>(numberAt(info, 1)), bytes.Data(), static_cast<uint32_t>(bytes.ByteLength())));
}

// shmOpen(capacity, spinNs)
Napi::Value ShmOpen(const Napi::CallbackInfo& info) {
  const double capacity = numberAt(info, 0);
  if (!isMailboxCapacity(capacity)) return number(info, -EINVAL);
  auto link = std::make_shared<ShmLink>(static_cast<int64_t>(numberAt(info, 1)));
  const int rc = link->create(static_cast<uint64_t>(capacity));
  return number(info, rc != 0 ? rc : LinkRegistry::instance().add(static_cast<napi_env>(info.Env()), link));
}

ShmLink* shmAt(const std::shared_ptr<Link>& link) { return dynamic_cast<ShmLink*>(link.get()); }

// What the peer needs to attach: nonce (16 bytes), pid, fd, capacity.
Napi::Value ShmDescribe(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  const ShmLink* shm = shmAt(link);
  if (shm == nullptr) return number(info, -EBADF);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("pid", static_cast<double>(getpid()));
  result.Set("fd", shm->own().fd());
  result.Set("capacity", static_cast<double>(shm->own().capacity()));
  result.Set("nonce", Napi::Buffer<uint8_t>::Copy(info.Env(), shm->own().nonce().bytes, sizeof(Nonce)));
  return result;
}

// shmAttach(link, pid, fd, nonce, capacity, onWake?)
Napi::Value ShmAttach(const Napi::CallbackInfo& info) {
  const auto link = linkAt(info);
  ShmLink* shm = shmAt(link);
  const double capacity = numberAt(info, 4);
  if (shm == nullptr) return number(info, -EBADF);
  if (!info[3].IsTypedArray() || !isMailboxCapacity(capacity)) return number(info, -EINVAL);
  Napi::Uint8Array bytes = info[3].As<Napi::Uint8Array>();
  Nonce nonce;
  if (bytes.ByteLength() != sizeof nonce.bytes) return number(info, -EINVAL);
  memcpy(nonce.bytes, bytes.Data(), sizeof nonce.bytes);
  std::shared_ptr<LoopWaker> waker;
  if (info[5].IsFunction()) waker = NapiWaker::make(info.Env(), info[5].As<Napi::Function>());
  return number(info, shm->attach(intAt(info, 1), intAt(info, 2), nonce, static_cast<uint64_t>(capacity), waker));
}

// Bench: nanoseconds of one round trip of `length` bytes between two pinned threads that poll two mailboxes.
Napi::Value MailboxRoundTrip(const Napi::CallbackInfo& info) {
  return number(info, ringRoundTripNs(intAt(info, 0), intAt(info, 1)));
}

// Bench: nanoseconds per burst of `length` bytes, one thread writing as fast as the other reads.
Napi::Value MailboxStream(const Napi::CallbackInfo& info) { return number(info, ringStreamNs(intAt(info, 0), intAt(info, 1))); }

void leave(void* env) { LinkRegistry::instance().closeAllOf(env); }

}  // namespace

void exportLinks(Napi::Env env, Napi::Object exports) {
  napi_add_env_cleanup_hook(env, leave, static_cast<napi_env>(env));
  exports.Set("linkSend", Napi::Function::New(env, LinkSend));
  exports.Set("linkHasRoom", Napi::Function::New(env, LinkHasRoom));
  exports.Set("linkPoll", Napi::Function::New(env, LinkPoll));
  exports.Set("linkReleased", Napi::Function::New(env, LinkReleased));
  exports.Set("linkArm", Napi::Function::New(env, LinkArm));
  exports.Set("linkState", Napi::Function::New(env, StateOf));
  exports.Set("linkReason", Napi::Function::New(env, LinkReason));
  exports.Set("linkClose", Napi::Function::New(env, LinkClose));
  exports.Set("linkScribble", Napi::Function::New(env, LinkScribble));
  exports.Set("shmOpen", Napi::Function::New(env, ShmOpen));
  exports.Set("shmDescribe", Napi::Function::New(env, ShmDescribe));
  exports.Set("shmAttach", Napi::Function::New(env, ShmAttach));
  exports.Set("mailboxRoundTrip", Napi::Function::New(env, MailboxRoundTrip));
  exports.Set("mailboxStream", Napi::Function::New(env, MailboxStream));
}

}  // namespace synod
