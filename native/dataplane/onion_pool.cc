#include "dataplane/onion_pool.h"

#include <algorithm>
#include <csignal>

#include "base/assert.h"
#include "crypto/relay_crypto.h"

namespace kist {

namespace {

/// CREATED2 gives the length of its answer, CREATED_FAST has always the same.
std::vector<uint8_t> createdPayload(uint16_t type, std::vector<uint8_t>&& reply) {
  if (type == kOnionFast) return std::move(reply);
  std::vector<uint8_t> payload(2 + reply.size());
  storeU16(payload.data(), static_cast<uint16_t>(reply.size()));
  std::copy(reply.begin(), reply.end(), payload.begin() + 2);
  return payload;
}

}  // namespace

OnionPool::OnionPool(const Config& config, bool synchronous, Listener& listener)
    : config_(config),
      synchronous_(synchronous),
      listener_(listener),
      queue_(config.threads, config.maxQueueDelay) {}

Status OnionPool::start(int& error) {
  error = 0;
  if (synchronous_ || running_.load(std::memory_order_acquire)) return Status::kOk;
  const std::lock_guard starting(startMutex_);
  if (running_.load(std::memory_order_relaxed)) return Status::kOk;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Status::kClosed;
  }
  // Signals are for the host program: blocked before the threads exist, because they inherit the mask.
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
    sigdelset(&blocked, signal);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  while (threads_.size() < config_.threads && error == 0) {
    pthread_t thread{};
    error = pthread_create(&thread, nullptr, &OnionPool::main, this);
    if (error != 0) break;
    pthread_setname_np(thread, "kist-onions");
    threads_.push_back(thread);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (threads_.empty()) return Status::kError;
  error = 0;
  {
    const std::lock_guard lock(mutex_);
    queue_.setThreads(static_cast<uint32_t>(threads_.size()));
  }
  running_.store(true, std::memory_order_release);
  return Status::kOk;
}

void* OnionPool::main(void* self) {
  while (static_cast<OnionPool*>(self)->serveOne()) continue;
  return nullptr;
}

void OnionPool::setIdentity(uint32_t owner, std::shared_ptr<const OnionIdentity> identity) {
  const std::lock_guard lock(mutex_);
  identities_[owner].swap(identity);  // The older one goes after the lock.
}

void OnionPool::setMaxQueueDelay(TimeNs delay) {
  const std::lock_guard lock(mutex_);
  queue_.setMaxDelay(delay);
}

void OnionPool::submit(Handle circuit, uint32_t owner, uint16_t type, ByteSpan skin) {
  OnionRequest request{circuit, type, std::vector<uint8_t>(skin.begin(), skin.end()), nullptr, 0};
  if (synchronous_) return answerNow(std::move(request), owner);
  int error = 0;
  const bool canWork = isOk(start(error));
  bool accepted = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    request.identity = identityOf(owner);
    request.queuedAt = clock_.now();
    if (canWork) {
      accepted = queue_.push(std::move(request));
    } else {
      queue_.noteDropped(type);
    }
  }
  if (accepted) {
    wakeUp_.notify_one();
  } else {
    listener_.onOnionResult(Result{circuit, Outcome::kRefused});
  }
}

void OnionPool::answerNow(OnionRequest&& request, uint32_t owner) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    request.identity = identityOf(owner);
    queue_.noteProcessed(request.type, 0, 0);
  }
  listener_.onOnionResult(resultOf(request, 0));
}

std::shared_ptr<const OnionIdentity> OnionPool::identityOf(uint32_t owner) const {
  const auto found = identities_.find(owner);
  return found == identities_.end() ? nullptr : found->second;
}

OnionPool::Result OnionPool::resultOf(const OnionRequest& request, TimeNs waited) {
  static const OnionIdentity kNobody;
  Result result{request.circuit, Outcome::kMalformed, waited};
  OnionAnswer answer;
  const OnionIdentity& identity = request.identity ? *request.identity : kNobody;
  if (!config_.answer(request.type, request.skin, identity, answer)) return result;
  result.crypto = makeRelayCrypto(answer.keys);
  result.outcome = result.crypto ? Outcome::kAnswered : Outcome::kRefused;
  result.payload = createdPayload(request.type, std::move(answer.reply));
  return result;
}

bool OnionPool::serveOne() {
  OnionRequest request;
  {
    std::unique_lock lock(mutex_);
    wakeUp_.wait(lock, [this] { return closed_ || !queue_.isEmpty(); });
    if (closed_) return false;
    request = queue_.pop();
  }
  const TimeNs began = clock_.now();
  const TimeNs waited = began - request.queuedAt;
  const bool tooOld = waited > config_.maxAge;
  Result result = tooOld ? Result{request.circuit, Outcome::kTooOld, waited} : resultOf(request, waited);
  const TimeNs cost = clock_.now() - began;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    if (tooOld) {
      queue_.noteTooOld(request.type, waited);
    } else {
      queue_.noteProcessed(request.type, waited, cost);
    }
  }
  listener_.onOnionResult(std::move(result));
  return true;
}

OnionStats OnionPool::stats() {
  const std::lock_guard lock(mutex_);
  return queue_.stats();
}

void OnionPool::close() {
  const std::lock_guard stopping(startMutex_);
  std::deque<OnionRequest> waiting;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting = queue_.clear();
    identities_.clear();
  }
  wakeUp_.notify_all();
  for (const pthread_t thread : threads_) {
    KIST_ASSERT(pthread_equal(thread, pthread_self()) == 0);
    pthread_join(thread, nullptr);
  }
  threads_.clear();
}

}  // namespace kist
