// The waker of links whose owner is a JavaScript thread.
#pragma once
#include <atomic>
#include <memory>
#include <napi.h>

#include "link.h"

namespace synod {

// Calls a JavaScript function on its event loop; calls that were not yet delivered fall together. The thread-safe function keeps
// one reference until it is finalized: a call may still be queued when the link is gone.
class NapiWaker : public LoopWaker {
 public:
  static std::shared_ptr<LoopWaker> make(Napi::Env env, Napi::Function onWake) {
    auto waker = std::make_shared<NapiWaker>();
    auto* kept = new std::shared_ptr<NapiWaker>(waker);
    waker->call_ = Call::New(env, onWake, "synod link", 0, 1, waker.get(), forget, kept);
    waker->call_.Unref(env);
    return waker;
  }

  void wake() override {
    if (isGone_ || isPending_.exchange(true)) return;
    if (call_.NonBlockingCall() == napi_closing) isGone_ = true;
  }

  void release() override {
    if (!isGone_.exchange(true)) call_.Release();
  }

 private:
  static void deliver(Napi::Env env, Napi::Function onWake, NapiWaker* waker, std::nullptr_t*) {
    if (env == nullptr || waker->isGone_) return;
    waker->isPending_ = false;
    // The raw call: an isolate that is being terminated refuses it, and the wrapper would take that for fatal.
    napi_value receiver = nullptr;
    napi_value result = nullptr;
    if (napi_get_undefined(env, &receiver) == napi_ok) napi_call_function(env, receiver, onWake, 0, nullptr, &result);
  }

  static void forget(Napi::Env, std::shared_ptr<NapiWaker>* kept, NapiWaker*) { delete kept; }

  using Call = Napi::TypedThreadSafeFunction<NapiWaker, std::nullptr_t, deliver>;
  std::atomic<bool> isPending_{false};
  std::atomic<bool> isGone_{false};
  Call call_;
};

}  // namespace synod
