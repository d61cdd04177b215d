#include <thread>
#include <vector>

#include "flushers.h"

namespace synod {
namespace {

class ThreadFlusher : public Flusher {
 public:
  ThreadFlusher(Log* log, int threads) {
    for (int i = 0; i < threads; i++) {
      threads_.emplace_back([log] {
        Run run;
        while (log->takeRun(&run, true) == Taken::run) log->complete(run, log->makeDurable(run));
      });
    }
  }

  // They wait inside takeRun, which the log itself ends.
  void wake() override {}

  void join() override {
    for (auto& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Flusher> makeThreadFlusher(Log* log, int threads) { return std::make_unique<ThreadFlusher>(log, threads); }

}  // namespace synod
