#pragma once

// Included by addon.cc alone: the commands of PlaneWrap. Each reads its arguments, then posts to the reactor.

#include "napi/plane_wrap.h"

namespace kist {

inline Napi::Value PlaneWrap::addOwner(Info info) {
  return toNumber(info.Env(), plane_ ? plane_->addOwner() : 0);
}

inline Napi::Value PlaneWrap::listen(Info info) {
  Arguments arguments(info);
  const DataPlane::Endpoint endpoint = readEndpoint(arguments, arguments.object(0, "endpoint"));
  if (!arguments.ok() || !plane_) return info.Env().Undefined();
  uint32_t listener = 0;
  uint16_t port = 0;
  int error = 0;
  const Status status = plane_->listen(endpoint, listener, port, error);
  if (!isOk(status)) {
    const char* name = error != 0 ? strerrorname_np(error) : nullptr;
    throwError(info.Env(), name != nullptr ? name : "EINVAL",
               "cannot listen on " + endpoint.host + " port " + std::to_string(endpoint.port) + ": " +
                   (error != 0 ? std::strerror(error) : "not an address of this machine"));
    return info.Env().Undefined();
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("listener", toNumber(info.Env(), listener));
  result.Set("port", toNumber(info.Env(), port));
  return result;
}

inline void PlaneWrap::closeListener(Info info) {
  Arguments arguments(info);
  const uint32_t listener = arguments.integer(0, "listener");
  if (arguments.ok() && plane_) plane_->closeListener(listener);
}

inline void PlaneWrap::connect(Info info) {
  Arguments arguments(info);
  const double token = arguments.number(0, "token", 1, 9007199254740991.0);
  const DataPlane::Endpoint endpoint = readEndpoint(arguments, arguments.object(1, "endpoint"));
  const double timeoutMs = arguments.number(2, "timeoutMs", 1, 3'600'000);
  const double reactor = arguments.number(3, "reactor", -1, Handle::kMaxReactors);
  if (!arguments.ok() || !plane_) return;
  plane_->connect(static_cast<uint64_t>(token), endpoint, static_cast<TimeNs>(timeoutMs * kMillisecond),
                  static_cast<int>(reactor));
}

inline void PlaneWrap::sendLinkCell(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  auto cell = arguments.bytes(1, "cell");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel,
               [channel, cell = std::move(cell)](Reactor& reactor) { reactor.sendLinkCell(channel, cell); });
}

inline void PlaneWrap::releaseLinkCell(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel, [channel](Reactor& reactor) { reactor.releaseLinkCell(channel); });
}

inline void PlaneWrap::openChannel(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  const bool isInitiator = arguments.boolean(1, "isInitiator");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel,
               [channel, isInitiator](Reactor& reactor) { reactor.openChannel(channel, isInitiator); });
}

inline void PlaneWrap::setDeliverUnknown(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  const bool enabled = arguments.boolean(1, "enabled");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel,
               [channel, enabled](Reactor& reactor) { reactor.setDeliverUnknown(channel, enabled); });
}

inline void PlaneWrap::closeChannel(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel, [channel](Reactor& reactor) { reactor.closeChannel(channel); });
}

inline void PlaneWrap::createCircuit(Info info) {
  Arguments arguments(info);
  const auto token = static_cast<uint64_t>(arguments.number(0, "token", 1, 9007199254740991.0));
  const Handle channel = arguments.handle(1, "channel");
  auto payload = arguments.bytes(2, "payload");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel, [token, channel, payload = std::move(payload)](Reactor& reactor) {
    reactor.createCircuit(token, channel, payload);
  });
}

inline void PlaneWrap::acceptCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  auto payload = arguments.bytes(1, "payload");
  if (!arguments.ok()) return;
  onCircuit(circuit, [payload = std::move(payload)](CellSwitch& cells, Circuit& it) {
    cells.acceptCircuit(it, payload);
  });
}

inline void PlaneWrap::refuseCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto reason = static_cast<uint8_t>(arguments.integer(1, "reason", 255));
  if (!arguments.ok()) return;
  onCircuit(circuit, [reason](CellSwitch& cells, Circuit& it) { cells.refuseCircuit(it, reason); });
}

inline void PlaneWrap::extendCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const Handle channel = arguments.handle(1, "channel");
  auto payload = arguments.bytes(2, "payload");
  if (!arguments.ok()) return;
  onCircuit(circuit, [channel, payload = std::move(payload)](CellSwitch& cells, Circuit& it) {
    cells.extendCircuit(it, channel, payload);
  });
}

inline void PlaneWrap::holdCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  if (arguments.ok()) onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.holdCircuit(it); });
}

inline void PlaneWrap::spliceCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const Message message = readMessage(arguments, arguments.object(1, "message"));
  if (!arguments.ok()) return;
  onCircuit(circuit, [message](CellSwitch& cells, Circuit& it) {
    cells.spliceCircuit(it, message.streamId, message.command, message.body);
  });
}

inline void PlaneWrap::unextendCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const Message message = readMessage(arguments, arguments.object(1, "message"));
  if (!arguments.ok()) return;
  onCircuit(circuit, [message](CellSwitch& cells, Circuit& it) {
    cells.unextendCircuit(it, message.streamId, message.command, message.body);
  });
}

inline void PlaneWrap::closeCircuit(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto reason = static_cast<uint8_t>(arguments.integer(1, "reason", 255));
  if (!arguments.ok()) return;
  onCircuit(circuit, [reason](CellSwitch& cells, Circuit& it) {
    cells.closeCircuit(it, reason, CloseReason::kRequested);
  });
}

inline void PlaneWrap::sendRelay(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const Message message = readMessage(arguments, arguments.object(1, "message"));
  if (!arguments.ok()) return;
  onCircuit(circuit, [message](CellSwitch& cells, Circuit& it) {
    cells.sendRelay(it, message.streamId, message.command, message.body, message.early);
  });
}

inline void PlaneWrap::injectCell(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  auto cell = arguments.bytes(1, "cell");
  const bool fromNext = arguments.boolean(2, "fromNext");
  if (!arguments.ok()) return;
  onCircuit(circuit, [cell = std::move(cell), fromNext](CellSwitch& cells, Circuit& it) {
    cells.injectCell(it, cell, fromNext);
  });
}

// Streams.

inline void PlaneWrap::openStream(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto id = static_cast<uint16_t>(arguments.integer(1, "streamId", UINT16_MAX));
  if (!arguments.ok()) return;
  onCircuit(circuit, [id](CellSwitch& cells, Circuit& it) { cells.edge().openStream(it, id); });
}

inline void PlaneWrap::connectStream(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto id = static_cast<uint16_t>(arguments.integer(1, "streamId", UINT16_MAX));
  const std::string host = arguments.text(2, "host");
  const auto port = static_cast<uint16_t>(arguments.integer(3, "port", UINT16_MAX));
  const double timeoutMs = arguments.number(4, "timeoutMs", 1, 3'600'000);
  const Message message = readMessage(arguments, arguments.object(5, "connected"));
  SocketAddress address;
  if (arguments.ok() && !isOk(SocketAddress::parse(host, port, address))) {
    arguments.fail("host", "a literal IPv4 or IPv6 address");
  }
  if (!arguments.ok() || !plane_) return;
  const auto timeout = static_cast<TimeNs>(timeoutMs * kMillisecond);
  plane_->post(circuit, [circuit, id, address, timeout, message](Reactor& reactor) {
    reactor.withCircuit(circuit, [&](CellSwitch& cells, Circuit& it) {
      cells.edge().connectStream(it, id, address, reactor.loop().now() + timeout, message.command,
                                 std::vector<uint8_t>(message.body));
    });
  });
}

inline void PlaneWrap::writeStream(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto id = static_cast<uint16_t>(arguments.integer(1, "streamId", UINT16_MAX));
  auto bytes = arguments.bytes(2, "bytes");
  if (!arguments.ok()) return;
  onCircuit(circuit, [id, bytes = std::move(bytes)](CellSwitch& cells, Circuit& it) {
    cells.edge().writeStream(it, id, bytes);
  });
}

inline void PlaneWrap::endStream(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto id = static_cast<uint16_t>(arguments.integer(1, "streamId", UINT16_MAX));
  if (!arguments.ok()) return;
  onCircuit(circuit, [id](CellSwitch& cells, Circuit& it) { cells.edge().endStream(it, id); });
}

inline void PlaneWrap::resetStream(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto id = static_cast<uint16_t>(arguments.integer(1, "streamId", UINT16_MAX));
  if (!arguments.ok()) return;
  onCircuit(circuit, [id](CellSwitch& cells, Circuit& it) { cells.edge().resetStream(it, id); });
}

inline void PlaneWrap::consumed(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto id = static_cast<uint16_t>(arguments.integer(1, "streamId", UINT16_MAX));
  const auto bytes = static_cast<uint64_t>(arguments.number(2, "bytes", 0, 9007199254740991.0));
  if (!arguments.ok()) return;
  onCircuit(circuit, [id, bytes](CellSwitch& cells, Circuit& it) { cells.edge().consumed(it, id, bytes); });
}

}  // namespace kist
