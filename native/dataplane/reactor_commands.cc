// What the control plane asks of a reactor. Each looks its handle up and does nothing when that is old.

#include <unistd.h>

#include "dataplane/reactor.h"
#include "registry/schedulers.h"

namespace kist {

namespace {

bool awaitsAnswer(const Circuit& circuit) {
  return !circuit.isStub && !circuit.closing && circuit.state == CircuitState::kDeciding &&
         circuit.hasPrevious();
}

CloseReason reasonOf(OnionPool::Outcome outcome) {
  switch (outcome) {
    case OnionPool::Outcome::kAnswered:
      return CloseReason::kNone;
    case OnionPool::Outcome::kMalformed:
      return CloseReason::kMalformed;
    case OnionPool::Outcome::kTooOld:
      return CloseReason::kTimeout;
    case OnionPool::Outcome::kRefused:
      break;
  }
  return CloseReason::kExhausted;
}

}  // namespace

TransportContext Reactor::transportContext(const Endpoint& endpoint) {
  TransportContext context{loop_};
  context.hub = &shared_.hub;
  context.options = endpoint.socket;
  context.tls = endpoint.tls;
  if (endpoint.tls && !tlsScratch_) tlsScratch_ = std::make_shared<TlsScratch>();
  context.tlsScratch = tlsScratch_;
  context.log = this;
  return context;
}

void Reactor::listen(uint32_t listener, const Endpoint& endpoint, int fd) {
  Listening listening;
  listening.handler = std::make_unique<ListenerHandler>(*this, listener, endpoint);
  listening.context = std::make_unique<TransportContext>(transportContext(endpoint));
  Status status = Status::kOk;
  int error = 0;
  if (fd >= 0) {
    listening.listener =
        endpoint.transport->adoptListening(*listening.context, fd, *listening.handler, status);
    if (!listening.listener) ::close(fd);
  } else {
    listening.listener = endpoint.transport->listen(*listening.context, endpoint.host, endpoint.port,
                                                    *listening.handler, status, error);
  }
  if (!listening.listener) {
    tell(EventKind::kListenerFailed, 0, listener, error);
    return;
  }
  listeners_[listener] = std::move(listening);
}

void Reactor::closeListener(uint32_t listener) { listeners_.erase(listener); }

void Reactor::connect(uint64_t token, const Endpoint& endpoint, TimeNs timeout) {
  TransportContext context = transportContext(endpoint);
  Status status = Status::kOk;
  int error = 0;
  auto transport = endpoint.transport->connect(context, endpoint.host, endpoint.port, loop_.now() + timeout,
                                               status, error);
  if (!transport) {
    tell(EventKind::kChannelConnectFailed, 0, static_cast<int64_t>(token), error == 0 ? ECONNREFUSED : error);
    return;
  }
  Channel* channel = makeChannel(endpoint, std::move(transport));
  if (channel == nullptr) {
    tell(EventKind::kChannelConnectFailed, 0, static_cast<int64_t>(token), EMFILE);
    return;
  }
  channel->token = token;
  if (!isOk(channel->start(true))) {
    channels_.remove(channel->handle);
    tell(EventKind::kChannelConnectFailed, 0, static_cast<int64_t>(token), EMFILE);
  }
}

void Reactor::sendLinkCell(Handle handle, ByteSpan cell) {
  if (Channel* channel = channels_.find(handle)) channel->sendLinkCell(cell);
}

void Reactor::releaseLinkCell(Handle handle) {
  if (Channel* channel = channels_.find(handle)) channel->releaseLinkCell();
}

void Reactor::exportLink(Handle handle, ByteSpan context) {
  Channel* channel = channels_.find(handle);
  if (channel == nullptr) return;
  LinkSecrets secrets;
  if (!channel->exportLink(context, secrets)) return tell(EventKind::kLinkExported, handle.bits);
  std::vector<uint8_t> bytes;
  for (const std::vector<uint8_t>* part :
       {&secrets.exported, &secrets.ownCertificate, &secrets.peerCertificate}) {
    uint8_t length[2];
    storeU16(length, static_cast<uint16_t>(part->size()));
    bytes.insert(bytes.end(), length, length + 2);
    bytes.insert(bytes.end(), part->begin(), part->end());
  }
  tellBytes(EventKind::kLinkExported, handle.bits, 1, 0, bytes);
}

void Reactor::openChannel(Handle handle, bool isInitiator) {
  if (Channel* channel = channels_.find(handle)) channel->open(isInitiator);
}

void Reactor::setDeliverUnknown(Handle handle, bool enabled) {
  if (Channel* channel = channels_.find(handle)) channel->deliverUnknown = enabled;
}

void Reactor::closeChannel(Handle handle) {
  if (Channel* channel = channels_.find(handle)) channel->close(CloseReason::kRequested);
}

void Reactor::createCircuit(uint64_t token, Handle handle, ByteSpan payload) {
  Channel* channel = channels_.find(handle);
  if (channel != nullptr) {
    switch_.createCircuit(token, *channel, payload);
  } else {
    tell(EventKind::kCircuitAttached, 0, static_cast<int64_t>(token));
  }
}

// Circuit handshakes.

void Reactor::acceptOnion(Handle handle, uint16_t type, ByteSpan skin) {
  const Circuit* circuit = switch_.find(handle);
  if (circuit == nullptr || !awaitsAnswer(*circuit)) return;
  if (shared_.onions == nullptr || !circuit->previous.channel->dialect().hasRelayCrypto()) {
    OnionPool::Result none{handle, OnionPool::Outcome::kMalformed};
    onOnionResult(none);
  } else {
    shared_.onions->submit(handle, circuit->owner, type, skin);
  }
}

void Reactor::onOnionResult(OnionPool::Result& result) {
  Circuit* circuit = switch_.find(result.circuit);
  if (circuit == nullptr || !awaitsAnswer(*circuit)) return;
  const CloseReason reason = reasonOf(result.outcome);
  tell(EventKind::kCircuitAnswered, result.circuit.bits, static_cast<int64_t>(reason),
       result.waited / kMicrosecond);
  if (reason == CloseReason::kNone) {
    switch_.acceptCircuit(*circuit, result.payload, std::move(result.crypto));
    return;
  }
  // Whether it was refused or waited in vain: to the peer there was no room.
  const CloseReason told = reason == CloseReason::kTimeout ? CloseReason::kExhausted : reason;
  switch_.closeCircuit(*circuit, circuit->previous.channel->dialect().destroyReason(told), reason);
}

void Reactor::setScheduler(const std::string& policy, const SchedulerConfig& config, TimeNs halflife) {
  if (policy != scheduler_.policy().name()) scheduler_.setPolicy(findScheduler(policy)->make());
  scheduler_.setConfig(config);
  if (halflife != priorities_.halflife()) {
    priorities_.setHalflife(loop_.refreshNow(), halflife);
    scheduler_.onPrioritiesChanged();
  }
}

}  // namespace kist
