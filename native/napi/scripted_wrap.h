#pragma once

// Included by addon.cc alone.

#include "napi/plane_stats.h"
#include "napi/values.h"
#include "registry/schedulers.h"
#include "sim/scripted_scheduler.h"

namespace kist {

/// The JavaScript class ScriptedScheduler: the core of the test kit; see NativeScriptedScheduler in
/// src/native/binding-types.ts. No threads: everything happens inside the calls.
class ScriptedWrap final : public Napi::ObjectWrap<ScriptedWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ScriptedScheduler",
                       {InstanceMethod<&ScriptedWrap::addChannel>("addChannel"),
                        InstanceMethod<&ScriptedWrap::addCircuit>("addCircuit"),
                        InstanceMethod<&ScriptedWrap::queueCells>("queueCells"),
                        InstanceMethod<&ScriptedWrap::queueDestroy>("queueDestroy"),
                        InstanceMethod<&ScriptedWrap::dropCells>("dropCells"),
                        InstanceMethod<&ScriptedWrap::closeChannel>("closeChannel"),
                        InstanceMethod<&ScriptedWrap::setTcpInfo>("setTcpInfo"),
                        InstanceMethod<&ScriptedWrap::setKernelTakes>("setKernelTakes"),
                        InstanceMethod<&ScriptedWrap::drainOutbuf>("drainOutbuf"),
                        InstanceMethod<&ScriptedWrap::drained>("drained"),
                        InstanceMethod<&ScriptedWrap::setWritable>("setWritable"),
                        InstanceMethod<&ScriptedWrap::configure>("configure"),
                        InstanceMethod<&ScriptedWrap::now>("now"),
                        InstanceMethod<&ScriptedWrap::setClockStep>("setClockStep"),
                        InstanceMethod<&ScriptedWrap::advance>("advance"),
                        InstanceMethod<&ScriptedWrap::tick>("tick"),
                        InstanceMethod<&ScriptedWrap::nextWake>("nextWake"),
                        InstanceMethod<&ScriptedWrap::takeTrace>("takeTrace"),
                        InstanceMethod<&ScriptedWrap::stats>("stats"),
                        InstanceMethod<&ScriptedWrap::channelState>("channelState"),
                        InstanceMethod<&ScriptedWrap::circuitState>("circuitState")});
  }

  explicit ScriptedWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ScriptedWrap>(info) {
    Arguments arguments(info);
    const Napi::Object options = arguments.object(0, "options");
    if (!arguments.ok()) return;
    const std::string policy = arguments.maybeText(options, "policy").value_or("kist");
    if (findScheduler(policy) == nullptr) arguments.fail("policy", "one of kist, kist-lite, vanilla");
    SchedulerConfig config;
    TimeNs halflife = 30 * kSecond;
    readConfig(arguments, options, config, halflife);
    if (arguments.ok()) scheduler_ = std::make_unique<sim::ScriptedScheduler>(policy, config, halflife);
  }

 private:
  using Info = const Napi::CallbackInfo&;

  static void readConfig(Arguments& arguments, const Napi::Object& options, SchedulerConfig& config,
                         TimeNs& halflife) {
    const std::pair<const char*, TimeNs*> times[] = {{"runIntervalMs", &config.interval},
                                                     {"minRunGapMs", &config.minRunGap},
                                                     {"maxRunMs", &config.maxRun},
                                                     {"circuitPriorityHalflifeMs", &halflife}};
    for (const auto& [name, field] : times) {
      if (const auto ms = arguments.maybeNumber(options, name, 0, 1e9)) {
        *field = static_cast<TimeNs>(*ms * kMillisecond);
      }
    }
    const std::pair<const char*, bool*> flags[] = {{"drainWake", &config.drainWake},
                                                   {"lightWake", &config.lightWake},
                                                   {"fullWake", &config.fullWake},
                                                   {"pacingCap", &config.pacingCap},
                                                   {"parking", &config.parking}};
    for (const auto& [name, field] : flags) {
      if (const auto on = arguments.maybeBoolean(options, name)) *field = *on;
    }
    if (const auto factor = arguments.maybeNumber(options, "sockBufSizeFactor", 0, 1e6)) {
      config.sockBufSizeFactor = *factor;
    }
  }

  Napi::Value addChannel(Info info) {
    Arguments arguments(info);
    const Napi::Object object = arguments.object(0, "options");
    if (!arguments.ok()) return info.Env().Undefined();
    sim::ScriptedChannelOptions options;
    options.mux = arguments.maybeText(object, "mux").value_or("ewma");
    if (const auto bytes = arguments.maybeNumber(object, "kernelTakes", -1, 1e12)) {
      options.kernelTakes = static_cast<int64_t>(*bytes);
    }
    if (const auto bytes = arguments.maybeNumber(object, "cellBytes", 1, 65536)) {
      options.cellBytes = static_cast<uint32_t>(*bytes);
    }
    if (const auto bytes = arguments.maybeNumber(object, "recordOverhead", 0, 65536)) {
      options.recordOverhead = static_cast<uint32_t>(*bytes);
    }
    if (const auto can = arguments.maybeBoolean(object, "canWatch")) options.canWatch = *can;
    if (const auto can = arguments.maybeBoolean(object, "canLowat")) options.canLowat = *can;
    if (!arguments.ok()) return info.Env().Undefined();
    const uint32_t channel = scheduler_->addChannel(options);
    if (channel == 0) arguments.fail("mux", "the name of a mux: see info()");
    return toNumber(info.Env(), channel);
  }

  Napi::Value addCircuit(Info info) {
    return number(info, "channel", [this](uint32_t channel) { return scheduler_->addCircuit(channel); });
  }
  void queueCells(Info info) {
    Arguments arguments(info);
    const uint32_t circuit = arguments.integer(0, "circuit");
    const uint32_t cells = arguments.integer(1, "cells", 10'000'000);
    if (arguments.ok() && !scheduler_->queueCells(circuit, cells))
      arguments.fail("circuit", "an open circuit");
  }
  void queueDestroy(Info info) {
    check(info, "channel", [this](uint32_t channel) { return scheduler_->queueDestroy(channel); });
  }
  void dropCells(Info info) {
    check(info, "circuit", [this](uint32_t circuit) { return scheduler_->dropCells(circuit); });
  }
  void closeChannel(Info info) {
    check(info, "channel", [this](uint32_t channel) { return scheduler_->closeChannel(channel); });
  }
  /// (channel, 0 for all; from, ns; figures, or 'error' or 'unsupported')
  void setTcpInfo(Info info) {
    Arguments arguments(info);
    const uint32_t channel = arguments.integer(0, "channel");
    const auto from = static_cast<TimeNs>(arguments.number(1, "fromNs", 0, 9e15));
    MockTcpInfo::Answer answer;
    if (info[2].IsString()) {
      const std::string failure = arguments.text(2, "info");
      answer.status = failure == "unsupported" ? Status::kUnsupported : Status::kError;
    } else {
      const Napi::Object figures = arguments.object(2, "info");
      if (!arguments.ok()) return;
      answer.info.cwnd = static_cast<uint32_t>(arguments.field(figures, "cwnd", 0, UINT32_MAX));
      answer.info.unacked = static_cast<uint32_t>(arguments.field(figures, "unacked", 0, UINT32_MAX));
      answer.info.mss = static_cast<uint32_t>(arguments.field(figures, "mss", 0, UINT32_MAX));
      answer.info.notsent = static_cast<uint32_t>(arguments.field(figures, "notsent", 0, UINT32_MAX));
      answer.info.pacingRate =
          static_cast<uint64_t>(arguments.maybeNumber(figures, "pacingRate", 0, 1e18).value_or(0));
    }
    if (!arguments.ok()) return;
    if (channel == 0) {
      scheduler_->setDefaultTcpInfo(answer);
    } else if (!scheduler_->setTcpInfo(channel, from, answer)) {
      arguments.fail("channel", "an open channel");
    }
  }
  void setKernelTakes(Info info) {
    Arguments arguments(info);
    const uint32_t channel = arguments.integer(0, "channel");
    const auto bytes = static_cast<int64_t>(arguments.number(1, "bytes", -1, 1e12));
    if (arguments.ok()) scheduler_->setKernelTakes(channel, bytes);
  }
  void drainOutbuf(Info info) {
    Arguments arguments(info);
    const uint32_t channel = arguments.integer(0, "channel");
    const auto bytes = static_cast<uint64_t>(arguments.number(1, "bytes", 0, 1e12));
    if (arguments.ok()) scheduler_->drainOutbuf(channel, bytes);
  }
  Napi::Value drained(Info info) {
    Arguments arguments(info);
    const uint32_t channel = arguments.integer(0, "channel");
    return Napi::Boolean::New(info.Env(), arguments.ok() && scheduler_->drained(channel));
  }
  void setWritable(Info info) {
    Arguments arguments(info);
    const uint32_t channel = arguments.integer(0, "channel");
    const bool writable = arguments.boolean(1, "writable");
    if (arguments.ok()) scheduler_->setWritable(channel, writable);
  }
  void configure(Info info) {
    Arguments arguments(info);
    const Napi::Object options = arguments.object(0, "config");
    if (!arguments.ok()) return;
    SchedulerConfig config = scheduler_->config();
    TimeNs halflife = -1;
    readConfig(arguments, options, config, halflife);
    const auto policy = arguments.maybeText(options, "policy");
    if (policy && findScheduler(*policy) == nullptr)
      arguments.fail("policy", "one of kist, kist-lite, vanilla");
    if (!arguments.ok()) return;
    scheduler_->setConfig(config);
    if (halflife >= 0) scheduler_->setHalflife(halflife);
    if (policy) scheduler_->setPolicy(*policy);
  }

  Napi::Value now(Info info) { return time(info, scheduler_->now()); }
  void setClockStep(Info info) {
    Arguments arguments(info);
    const auto step = static_cast<TimeNs>(arguments.number(0, "stepNs", 0, 1e12));
    if (arguments.ok()) scheduler_->setClockStep(step);
  }
  Napi::Value advance(Info info) {
    Arguments arguments(info);
    const auto duration = static_cast<TimeNs>(arguments.number(0, "durationNs", 0, 9e15));
    return toNumber(info.Env(), arguments.ok() ? scheduler_->advance(duration) : 0);
  }
  Napi::Value tick(Info info) { return Napi::Boolean::New(info.Env(), scheduler_->tick()); }
  Napi::Value nextWake(Info info) { return time(info, scheduler_->nextWake()); }

  /// Flat: flushes as (run, kind, time, channel, circuit, cells), writes as (run, time, channel, bytes).
  Napi::Value takeTrace(Info info) {
    const Napi::Env env = info.Env();
    Napi::Array flushes = Napi::Array::New(env);
    uint32_t at = 0;
    for (const sim::FlushRecord& record : scheduler_->trace().flushes) {
      const uint64_t values[] = {record.run,
                                 static_cast<uint64_t>(record.kind),
                                 static_cast<uint64_t>(record.time),
                                 record.channel,
                                 record.circuit,
                                 record.cells};
      for (const uint64_t value : values) flushes.Set(at++, toNumber(env, value));
    }
    Napi::Array writes = Napi::Array::New(env);
    at = 0;
    for (const sim::WriteRecord& record : scheduler_->trace().writes) {
      const uint64_t values[] = {record.run, static_cast<uint64_t>(record.time), record.channel,
                                 record.bytes};
      for (const uint64_t value : values) writes.Set(at++, toNumber(env, value));
    }
    scheduler_->clearTrace();
    Napi::Object trace = Napi::Object::New(env);
    trace.Set("flushes", flushes);
    trace.Set("writes", writes);
    return trace;
  }

  Napi::Value stats(Info info) {
    return toObject(info.Env(), scheduler_->stats(), scheduler_->scheduler().pendingChannels());
  }
  Napi::Value channelState(Info info) {
    Arguments arguments(info);
    const uint32_t channel = arguments.integer(0, "channel");
    const Napi::Env env = info.Env();
    const std::string state = arguments.ok() ? scheduler_->stateOf(channel) : "";
    if (state.empty()) return env.Undefined();
    Napi::Object object = Napi::Object::New(env);
    object.Set("state", Napi::String::New(env, state));
    object.Set("limit", toNumber(env, scheduler_->limitOf(channel)));
    object.Set("written", toNumber(env, scheduler_->writtenOf(channel)));
    object.Set("outbuf", toNumber(env, scheduler_->outbufOf(channel)));
    return object;
  }
  Napi::Value circuitState(Info info) {
    Arguments arguments(info);
    const uint32_t circuit = arguments.integer(0, "circuit");
    const Napi::Env env = info.Env();
    if (!arguments.ok() || scheduler_->circuit(circuit) == nullptr) return env.Undefined();
    Napi::Object object = Napi::Object::New(env);
    object.Set("count", Napi::Number::New(env, scheduler_->countOf(circuit)));
    object.Set("queued", toNumber(env, scheduler_->queuedOf(circuit)));
    object.Set("sent", toNumber(env, scheduler_->sentOf(circuit)));
    return object;
  }

  template <typename F>
  void check(Info info, const char* name, F&& act) {
    Arguments arguments(info);
    const uint32_t number = arguments.integer(0, name);
    if (arguments.ok() && !act(number)) arguments.fail(name, std::string("an open ") + name);
  }
  template <typename F>
  Napi::Value number(Info info, const char* name, F&& act) {
    Arguments arguments(info);
    const uint32_t argument = arguments.integer(0, name);
    const uint32_t result = arguments.ok() ? act(argument) : 0;
    if (arguments.ok() && result == 0) arguments.fail(name, std::string("an open ") + name);
    return toNumber(info.Env(), result);
  }
  static Napi::Value time(Info info, TimeNs at) {
    return Napi::Number::New(info.Env(), at == kNever ? -1 : static_cast<double>(at));
  }

  std::unique_ptr<sim::ScriptedScheduler> scheduler_;
};

}  // namespace kist
