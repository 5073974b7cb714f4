// What the control plane asks of a reactor. Each looks its handle up and does nothing when that is old.

#include <unistd.h>

#include "dataplane/reactor.h"
#include "registry/schedulers.h"

namespace kist {

TransportContext Reactor::transportContext(const SocketOptions& options) {
  TransportContext context{loop_};
  context.hub = &shared_.hub;
  context.options = options;
  context.log = this;
  return context;
}

void Reactor::listen(uint32_t listener, const Endpoint& endpoint, int fd) {
  Listening listening;
  listening.handler = std::make_unique<ListenerHandler>(*this, listener, endpoint);
  listening.context = std::make_unique<TransportContext>(transportContext(endpoint.socket));
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
  TransportContext context = transportContext(endpoint.socket);
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

void Reactor::openChannel(Handle handle, bool odd) {
  if (Channel* channel = channels_.find(handle)) channel->open(odd);
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

void Reactor::setScheduler(const std::string& policy, const SchedulerConfig& config, TimeNs halflife) {
  if (policy != scheduler_.policy().name()) scheduler_.setPolicy(findScheduler(policy)->make());
  scheduler_.setConfig(config);
  if (halflife != priorities_.halflife()) {
    priorities_.setHalflife(loop_.refreshNow(), halflife);
    scheduler_.onPrioritiesChanged();
  }
}

}  // namespace kist
