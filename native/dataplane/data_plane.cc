#include "dataplane/data_plane.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>

#include "registry/muxes.h"
#include "registry/schedulers.h"
#include "registry/tcp_info_sources.h"

namespace kist {

DataPlane::DataPlane(const PlaneConfig& config, std::function<void()> onEvents)
    : config_(config),
      events_(std::move(onEvents),
              [this] { postAll([](Reactor& reactor) { reactor.releaseControlHolds(); }); }),
      rings_(config.threads),
      budget_(config.memoryBudget, config.threads),
      onions_(config.onions, config.manual, *this) {}

std::unique_ptr<DataPlane> DataPlane::create(const PlaneConfig& config, std::function<void()> onEvents,
                                             std::string& problem) {
  if (config.threads < 1 || config.threads >= Handle::kMaxReactors) {
    problem = "threads must be 1 to 63";
  } else if (config.onions.threads < 1 || config.onions.threads > OnionPool::kMaxThreads) {
    problem = "onionThreads must be 1 to 64";
  } else if (findScheduler(config.policy) == nullptr) {
    problem = "no scheduler named " + config.policy;
  } else if (findMux(config.mux) == nullptr) {
    problem = "no mux named " + config.mux;
  } else if (findTcpInfoSource(config.tcpInfoSource) == nullptr) {
    problem = "no TCP_INFO source named " + config.tcpInfoSource;
  } else {
    std::unique_ptr<DataPlane> plane(new DataPlane(config, std::move(onEvents)));
    if (plane->start(problem)) return plane;
  }
  return nullptr;
}

bool DataPlane::start(std::string& problem) {
  if (!config_.manual) raiseDescriptorLimit();
  const SharedPlane shared{events_, rings_, budget_, hub_, &onions_};
  for (uint32_t i = 0; i < config_.threads; ++i) {
    int error = 0;
    if (config_.manual) {
      manualLoops_.push_back(std::make_unique<ManualLoop>());
      rings_.loops[i] = manualLoops_.back().get();
    } else {
      auto thread = ReactorThread::create(error);
      if (!thread) {
        problem = std::string("cannot make an event loop: ") + std::strerror(error);
        return false;
      }
      rings_.loops[i] = &thread->loop();
      threads_.push_back(std::move(thread));
    }
  }
  for (uint32_t i = 0; i < config_.threads; ++i) {
    reactors_.push_back(std::make_unique<Reactor>(i, *rings_.loops[i], config_, shared));
  }
  for (size_t i = 0; i < threads_.size(); ++i) {
    int error = 0;
    if (isOk(threads_[i]->start("kist-reactor-" + std::to_string(i), error))) continue;
    problem = std::string("cannot start a thread: ") + std::strerror(error);
    return false;
  }
  return true;
}

DataPlane::~DataPlane() { close(); }

void DataPlane::close() {
  if (closed_) return;
  closed_ = true;
  onions_.close();  // Its threads post to the loops.
  // Reactors tell each other until all threads stand still; what crosses after that is dropped with the
  // rings.
  for (const auto& thread : threads_) thread->stop();
  for (const auto& reactor : reactors_) reactor->shutDown();
  reactors_.clear();
  threads_.clear();
  manualLoops_.clear();
}

Status DataPlane::listen(Endpoint endpoint, uint32_t& listener, uint16_t& port, int& error) {
  listener = nextListener_++;
  port = endpoint.port;
  if (!endpoint.transport->needsDescriptors) {
    reactors_[0]->loop().post([this, listener, endpoint] { reactors_[0]->listen(listener, endpoint, -1); });
    return Status::kOk;
  }
  if (config_.manual) return Status::kUnsupported;
  SocketAddress address;
  if (!isOk(SocketAddress::parse(endpoint.host, endpoint.port, address))) return Status::kInvalid;
  endpoint.socket.reusePort = reactors() > 1;
  std::vector<int> sockets;
  for (uint32_t i = 0; i < reactors(); ++i) {
    int fd = -1;
    const Status status = openListening(address, endpoint.socket, fd, error);
    if (!isOk(status)) {
      for (const int open : sockets) ::close(open);
      return status;
    }
    sockets.push_back(fd);
    static_cast<void>(
        localAddress(fd, address));  // The other reactors listen on the port that the first one got.
  }
  port = address.port();
  for (uint32_t i = 0; i < reactors(); ++i) {
    Reactor& reactor = *reactors_[i];
    const int fd = sockets[i];
    reactor.loop().post([&reactor, listener, endpoint, fd] { reactor.listen(listener, endpoint, fd); });
  }
  return Status::kOk;
}

void DataPlane::closeListener(uint32_t listener) {
  postAll([listener](Reactor& reactor) { reactor.closeListener(listener); });
}

void DataPlane::connect(uint64_t token, const Endpoint& endpoint, TimeNs timeout, int reactor) {
  const uint32_t chosen = reactor >= 0 ? static_cast<uint32_t>(reactor) : nextReactor_++;
  Reactor& target = *reactors_[chosen % reactors()];
  target.loop().post([&target, token, endpoint, timeout] { target.connect(token, endpoint, timeout); });
}

void DataPlane::post(Handle handle, std::function<void(Reactor&)> command) {
  if (closed_ || handle.reactor() >= reactors()) return;
  Reactor& reactor = *reactors_[handle.reactor()];
  reactor.loop().post([&reactor, command = std::move(command)] { command(reactor); });
}

void DataPlane::postAll(const std::function<void(Reactor&)>& command) {
  if (closed_) return;
  for (const auto& reactor : reactors_)
    reactor->loop().post([&target = *reactor, command] { command(target); });
}

void DataPlane::setScheduler(const std::string& policy, const SchedulerConfig& config, TimeNs halflife) {
  config_.policy = policy;
  config_.scheduler = config;
  config_.halflife = halflife;
  postAll([policy, config, halflife](Reactor& reactor) { reactor.setScheduler(policy, config, halflife); });
}

std::vector<ReactorSnapshot> DataPlane::snapshots() {
  std::vector<ReactorSnapshot> result;
  if (closed_) return result;
  for (const auto& reactor : reactors_) {
    if (config_.manual) {
      result.push_back(reactor->snapshot());
      continue;
    }
    std::promise<ReactorSnapshot> promise;
    std::future<ReactorSnapshot> future = promise.get_future();
    reactor->loop().post([&] { promise.set_value(reactor->snapshot()); });
    result.push_back(future.get());
  }
  return result;
}

Status DataPlane::addTlsIdentity(ByteSpan certificate, ByteSpan privateKey, uint32_t& identity,
                                 std::string& error) {
  Status status = Status::kOk;
  std::shared_ptr<TlsIdentity> made = TlsIdentity::make(certificate, privateKey, status, error);
  if (!made) return status;
  tlsIdentities_.push_back(std::move(made));
  identity = static_cast<uint32_t>(tlsIdentities_.size());
  return Status::kOk;
}

Status DataPlane::replaceTlsIdentity(uint32_t identity, ByteSpan certificate, ByteSpan privateKey,
                                     std::string& error) {
  const std::shared_ptr<TlsIdentity> found = tlsIdentity(identity);
  return found ? found->replace(certificate, privateKey, error) : Status::kNotFound;
}

std::shared_ptr<TlsIdentity> DataPlane::tlsIdentity(uint32_t identity) const {
  return identity >= 1 && identity <= tlsIdentities_.size() ? tlsIdentities_[identity - 1] : nullptr;
}

Status DataPlane::setOnionKeys(uint32_t owner, std::shared_ptr<const OnionIdentity> identity, int& error) {
  onions_.setIdentity(owner, std::move(identity));
  return onions_.start(error);
}

void DataPlane::onOnionResult(OnionPool::Result&& result) {
  Reactor& reactor = *reactors_[result.circuit.reactor()];
  auto shared = std::make_shared<OnionPool::Result>(std::move(result));  // A task must be copyable.
  reactor.loop().post([&reactor, shared] { reactor.onOnionResult(*shared); });
}

void DataPlane::turnUntilQuiet() {
  constexpr uint32_t kMaxRounds = 1'000'000;
  std::vector<bool> unfinished(manualLoops_.size());
  bool busy = true;
  for (uint32_t round = 0; busy && round < kMaxRounds; ++round) {
    busy = false;
    for (size_t i = 0; i < manualLoops_.size(); ++i) {
      ManualLoop& loop = *manualLoops_[i];
      if (!unfinished[i] && loop.nextWake() > loop.now()) continue;
      unfinished[i] = loop.step();  // A turn can leave work behind that no timer or task announces.
      busy = true;
    }
  }
}

void DataPlane::step(TimeNs to) {
  if (closed_ || manualLoops_.empty()) return;
  turnUntilQuiet();
  while (true) {
    const TimeNs next = nextWake();
    const TimeNs at = std::min(next, to);
    for (const auto& loop : manualLoops_) loop->advanceTo(at);
    turnUntilQuiet();
    if (at >= to) return;
  }
}

TimeNs DataPlane::nextWake() {
  TimeNs earliest = kNever;
  for (const auto& loop : manualLoops_) earliest = std::min(earliest, loop->nextWake());
  return earliest;
}

MockTcpInfo* DataPlane::mockTcpInfo(uint32_t reactor) {
  if (config_.tcpInfoSource != "mock" || reactor >= reactors()) return nullptr;
  return static_cast<MockTcpInfo*>(&reactors_[reactor]->tcpInfoSource());
}

}  // namespace kist
