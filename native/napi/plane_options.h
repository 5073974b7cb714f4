#pragma once

// Included by addon.cc alone: option objects of PlaneWrap.

#include "napi/plane_wrap.h"
#include "registry/dialects.h"
#include "registry/schedulers.h"

namespace kist {

inline PlaneConfig PlaneWrap::readConfig(Arguments& arguments, const Napi::Object& options) {
  PlaneConfig config;
  config.threads = static_cast<uint32_t>(arguments.field(options, "threads", 1, Handle::kMaxReactors - 1));
  const std::string loop = arguments.textField(options, "loop");
  if (loop != "epoll" && loop != "manual") arguments.fail("loop", "'epoll' or 'manual'");
  config.manual = loop == "manual";
  config.tcpInfoSource = arguments.textField(options, "tcpInfoSource");
  config.mux = arguments.textField(options, "mux");
  config.memoryBudget = static_cast<uint64_t>(arguments.field(options, "memoryBudget", 1 << 20, 1e15));
  const double maxMs = 1e9;
  FlowLimits& limits = config.limits;
  limits.circuitStall =
      static_cast<TimeNs>(arguments.field(options, "circuitStallMs", 1, maxMs)) * kMillisecond;
  limits.streamStall =
      static_cast<TimeNs>(arguments.field(options, "streamStallMs", 1, maxMs)) * kMillisecond;
  limits.circuitIdle =
      static_cast<TimeNs>(arguments.field(options, "circuitIdleMs", 0, maxMs)) * kMillisecond;
  limits.cellqHigh = static_cast<uint32_t>(arguments.field(options, "cellqHigh", 1, 100'000));
  limits.cellqLow = static_cast<uint32_t>(arguments.field(options, "cellqLow", 0, 100'000));
  limits.cellqMax = static_cast<uint32_t>(arguments.field(options, "cellqMax", 2, 1'000'000));
  if (limits.cellqLow >= limits.cellqHigh) arguments.fail("cellqLow", "below cellqHigh");
  if (limits.cellqHigh > limits.cellqMax) arguments.fail("cellqMax", "at least cellqHigh");
  config.onions.threads =
      static_cast<uint32_t>(arguments.field(options, "onionThreads", 1, OnionPool::kMaxThreads));
  config.onions.maxQueueDelay = static_cast<TimeNs>(
      arguments.field(options, "maxOnionQueueDelayMs", 1, kMaxOnionQueueDelayMs) * kMillisecond);
  readScheduler(arguments, arguments.ok() ? options.Get("scheduler").As<Napi::Object>() : options, config);
  return config;
}

inline void PlaneWrap::readScheduler(Arguments& arguments, const Napi::Object& options, PlaneConfig& config) {
  SchedulerConfig& scheduler = config.scheduler;
  if (!options.IsObject()) return arguments.fail("scheduler", "an object");
  if (const auto policy = arguments.maybeText(options, "policy")) {
    if (findScheduler(*policy) == nullptr) arguments.fail("policy", "one of kist, kist-lite, vanilla");
    config.policy = *policy;
  }
  if (const auto ms = arguments.maybeNumber(options, "runIntervalMs", 0.1, 1000)) {
    scheduler.interval = static_cast<TimeNs>(*ms * kMillisecond);
  }
  if (const auto ms = arguments.maybeNumber(options, "minRunGapMs", 0, 1000)) {
    scheduler.minRunGap = static_cast<TimeNs>(*ms * kMillisecond);
  }
  if (const auto factor = arguments.maybeNumber(options, "sockBufSizeFactor", 0, 1e6)) {
    scheduler.sockBufSizeFactor = *factor;
  }
  if (const auto ms = arguments.maybeNumber(options, "circuitPriorityHalflifeMs", 0, 1e12)) {
    config.halflife = static_cast<TimeNs>(*ms * kMillisecond);
  }
  if (const auto on = arguments.maybeBoolean(options, "drainWake")) scheduler.drainWake = *on;
  if (const auto on = arguments.maybeBoolean(options, "lightWake")) scheduler.lightWake = *on;
  if (const auto on = arguments.maybeBoolean(options, "fullWake")) scheduler.fullWake = *on;
  if (const auto on = arguments.maybeBoolean(options, "pacingCap")) scheduler.pacingCap = *on;
}

inline DataPlane::Endpoint PlaneWrap::readEndpoint(Arguments& arguments, const Napi::Object& object) {
  DataPlane::Endpoint endpoint;
  endpoint.dialect = findDialect(arguments.textField(object, "dialect"));
  endpoint.transport = findTransport(arguments.textField(object, "transport"));
  endpoint.host = arguments.textField(object, "host");
  endpoint.port = static_cast<uint16_t>(arguments.field(object, "port", 0, UINT16_MAX));
  endpoint.owner = static_cast<uint32_t>(arguments.field(object, "owner", 0, 1e6));
  if (!arguments.ok()) return endpoint;
  if (endpoint.dialect == nullptr) arguments.fail("dialect", "the name of a dialect: see info()");
  if (endpoint.transport == nullptr) arguments.fail("transport", "the name of a transport: see info()");
  SocketAddress address;
  if (arguments.ok() && endpoint.transport->needsDescriptors &&
      !isOk(SocketAddress::parse(endpoint.host, endpoint.port, address))) {
    arguments.fail("host", "a literal IPv4 or IPv6 address");
  }
  if (const auto identity = arguments.maybeNumber(object, "tlsIdentity", 0, UINT32_MAX); identity && plane_) {
    endpoint.tls = plane_->tlsIdentity(static_cast<uint32_t>(*identity));
  }
  if (arguments.ok() && endpoint.tls == nullptr && std::string_view(endpoint.transport->name) == "tls") {
    arguments.fail("tlsIdentity", "a number from addTlsIdentity()");
  }
  const Napi::Value socket = object.Get("socket");
  if (!socket.IsObject()) return endpoint;
  const auto options = socket.As<Napi::Object>();
  if (const auto name = arguments.maybeText(options, "congestionControl")) endpoint.socket.congestion = *name;
  if (const auto mss = arguments.maybeNumber(options, "maxSegment", 88, 32767)) {
    endpoint.socket.maxSegment = static_cast<int>(*mss);
  }
  if (const auto rate = arguments.maybeNumber(options, "maxPacingRate", 1, 1e15)) {
    endpoint.socket.maxPacingRate = static_cast<uint64_t>(*rate);
  }
  return endpoint;
}

inline PlaneWrap::Message PlaneWrap::readMessage(Arguments& arguments, const Napi::Object& object) {
  Message message;
  message.streamId = static_cast<uint16_t>(arguments.field(object, "streamId", 0, UINT16_MAX));
  message.command = static_cast<uint8_t>(arguments.field(object, "command", 0, UINT8_MAX));
  message.body = arguments.bytesField(object, "body");
  message.early = arguments.maybeBoolean(object, "early").value_or(false);
  return message;
}

inline void PlaneWrap::configureScheduler(Info info) {
  Arguments arguments(info);
  const Napi::Object options = arguments.object(0, "config");
  if (!arguments.ok() || !plane_) return;
  PlaneConfig config = plane_->config();
  readScheduler(arguments, options, config);
  if (arguments.ok()) plane_->setScheduler(config.policy, config.scheduler, config.halflife);
}

inline void PlaneWrap::setTcpInfo(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  const auto from = static_cast<TimeNs>(arguments.number(1, "fromNs", 0, 9e15));
  MockTcpInfo::Answer answer{Status::kError, {}};
  if (!info[2].IsNull()) {
    const Napi::Object figures = arguments.object(2, "info");
    if (!arguments.ok()) return;
    answer.status = Status::kOk;
    answer.info.cwnd = static_cast<uint32_t>(arguments.field(figures, "cwnd", 0, UINT32_MAX));
    answer.info.unacked = static_cast<uint32_t>(arguments.field(figures, "unacked", 0, UINT32_MAX));
    answer.info.mss = static_cast<uint32_t>(arguments.field(figures, "mss", 0, UINT32_MAX));
    answer.info.notsent = static_cast<uint32_t>(arguments.field(figures, "notsent", 0, UINT32_MAX));
    const auto rate = arguments.maybeNumber(figures, "pacingRate", 0, 1e18);
    answer.info.pacingRate = static_cast<uint64_t>(rate.value_or(0));
  }
  if (!arguments.ok() || !plane_) return;
  for (uint32_t i = 0; i < plane_->reactors(); ++i) {
    MockTcpInfo* mock = plane_->mockTcpInfo(i);
    if (mock == nullptr || (channel && channel.reactor() != i)) continue;
    if (channel) {
      mock->setAnswer(channel.bits, from, answer);
    } else {
      mock->setDefault(answer);
    }
  }
}

}  // namespace kist
