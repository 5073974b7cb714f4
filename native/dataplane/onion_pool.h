#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/handle.h"
#include "base/status.h"
#include "crypto/circuit_crypto.h"
#include "crypto/onion_handshake.h"
#include "dataplane/onion_queue.h"

namespace kist {

/// The relay's side of circuit handshakes, off the reactors: threads that take requests first come, first
/// served, compute reply and relay crypto, and tell the listener. A storm of CREATEs therefore costs the
/// reactors nothing but the queueing.
///
/// States: idle (no thread) -> running, with the first keys or the first request -> closed. Called by the
/// reactors (submit) and by the data plane (everything else); submit() never waits longer than a queue
/// operation of another thread takes. Results of one circuit's requests come in any order; whoever takes them
/// looks its handle up, since the circuit may be gone. A `synchronous` pool (manual loops) has no threads and
/// answers within submit(), so that the same input gives the same order of events. It never touches a
/// circuit.
class OnionPool {
 public:
  static constexpr uint32_t kMaxThreads = 64;

  enum class Outcome : uint8_t {
    kAnswered,
    kMalformed,  ///< No answer fits the request: see answerOnion().
    kRefused,    ///< It would have waited too long, or no cipher or thread is to be had.
    kTooOld,     ///< It waited too long all the same.
  };
  struct Result {
    Handle circuit;
    Outcome outcome = Outcome::kRefused;
    TimeNs waited = 0;
    std::vector<uint8_t> payload = {};  ///< Of CREATED2 (HLEN, HDATA) or CREATED_FAST.
    std::unique_ptr<CircuitCrypto> crypto = {};
  };
  class Listener {
   public:
    /// On a thread of the pool or inside submit(); must not call the pool.
    virtual void onOnionResult(Result&& result) = 0;

   protected:
    ~Listener() = default;
  };
  using Answer = std::function<bool(uint16_t, ByteSpan, const OnionIdentity&, OnionAnswer&)>;
  struct Config {
    uint32_t threads = 1;
    TimeNs maxQueueDelay = 1750 * kMillisecond;  ///< Expected; see OnionQueue.
    TimeNs maxAge = 5 * kSecond;  ///< A request that waited longer is dropped: the client has given up.
    Answer answer = answerOnion;  ///< Any thread, at the same time.
  };

  OnionPool(const Config& config, bool synchronous, Listener& listener);
  ~OnionPool() { close(); }
  OnionPool(const OnionPool&) = delete;
  OnionPool& operator=(const OnionPool&) = delete;

  /// Starts the threads unless they run. kError: not one can be had, `error` is the errno. Any thread.
  Status start(int& error);
  /// The keys for circuits of `owner`; requests that wait keep the older ones. Any thread.
  void setIdentity(uint32_t owner, std::shared_ptr<const OnionIdentity> identity);
  void setMaxQueueDelay(TimeNs delay);
  /// One request; its result comes by the listener, unless the pool is closed. Any thread.
  void submit(Handle circuit, uint32_t owner, uint16_t type, ByteSpan skin);
  OnionStats stats();
  /// Drops what waits, stops and joins the threads. No result comes afterwards. Idempotent; not on a thread
  /// of the pool.
  void close();

 private:
  static void* main(void* self);
  /// Waits for a request and answers it. False: the pool is closed.
  bool serveOne();
  void answerNow(OnionRequest&& request, uint32_t owner);
  std::shared_ptr<const OnionIdentity> identityOf(uint32_t owner) const;
  Result resultOf(const OnionRequest& request, TimeNs waited);

  const Config config_;
  const bool synchronous_;
  Listener& listener_;
  const SystemClock clock_;
  std::mutex startMutex_;  ///< Of starting and stopping; taken before mutex_.
  std::vector<pthread_t> threads_;
  std::atomic<bool> running_{false};
  std::mutex mutex_;  ///< Of all below; held for the time of a queue operation only.
  std::condition_variable wakeUp_;
  OnionQueue queue_;
  std::map<uint32_t, std::shared_ptr<const OnionIdentity>> identities_;
  bool closed_ = false;
};

}  // namespace kist
