#pragma once

// Included by addon.cc alone. Turns snapshots into the objects of NativeStats in src/native/binding-types.ts.

#include <map>

#include "dataplane/data_plane.h"
#include "napi/values.h"

namespace kist {

inline const char* const kCloseReasonNames[kCloseReasons] = {
    "none",          "requested", "peer", "error",          "malformed", "stalled", "queue-full",
    "held-too-many", "memory",    "idle", "channel-closed", "exhausted", "timeout", "shutdown"};

inline Napi::Object toObject(Napi::Env env, const SchedulerStats& stats, uint64_t pendingChannels) {
  Napi::Object object = Napi::Object::New(env);
  const std::pair<const char*, uint64_t> counters[] = {
      {"timedRuns", stats.timedRuns},       {"drainRuns", stats.drainRuns},
      {"lightRuns", stats.lightRuns},       {"fullRuns", stats.fullRuns},
      {"tcpInfoCalls", stats.tcpInfoCalls}, {"tcpInfoErrors", stats.tcpInfoErrors},
      {"fallbacks", stats.fallbacks},       {"limitsAtZero", stats.limitsAtZero},
      {"drainWatches", stats.drainWatches}, {"lowatCalls", stats.lowatCalls},
      {"cellsWritten", stats.cellsWritten}, {"destroysWritten", stats.destroysWritten},
      {"bytesWritten", stats.bytesWritten}, {"runsCutShort", stats.runsCutShort},
      {"pendingChannels", pendingChannels}};
  for (const auto& [name, value] : counters) object.Set(name, toNumber(env, value));
  object.Set("runNs", toObject(env, stats.runNs));
  object.Set("pendingPerRun", toObject(env, stats.pendingPerRun));
  object.Set("queueDelayNs", toObject(env, stats.queueDelayNs));
  return object;
}

inline Napi::Object toObject(Napi::Env env, const ReactorSnapshot& snapshot) {
  Napi::Object object = Napi::Object::New(env);
  const ReactorCounters& counters = snapshot.counters;
  const std::pair<const char*, uint64_t> values[] = {{"channels", snapshot.channels},
                                                     {"circuits", snapshot.circuits},
                                                     {"streams", snapshot.streams},
                                                     {"cellsInUse", snapshot.cellsInUse},
                                                     {"turns", snapshot.turns},
                                                     {"sleeps", snapshot.sleeps},
                                                     {"readCalls", counters.readCalls},
                                                     {"writeCalls", counters.writeCalls},
                                                     {"bytesIn", counters.bytesIn},
                                                     {"bytesOut", counters.bytesOut},
                                                     {"cellsCrossed", counters.cellsCrossed},
                                                     {"ringFull", counters.ringFull},
                                                     {"channelPauses", counters.channelPauses},
                                                     {"unknownCells", counters.unknownCells},
                                                     {"droppedCells", counters.droppedCells},
                                                     {"cpuNs", snapshot.cpuNs}};
  for (const auto& [name, value] : values) object.Set(name, toNumber(env, value));
  object.Set("policy", Napi::String::New(env, snapshot.policy));
  object.Set("scheduler", toObject(env, snapshot.scheduler, snapshot.pendingChannels));
  return object;
}

inline Napi::Object toObject(Napi::Env env, uint32_t owner, const OwnerCounters& counters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("owner", toNumber(env, owner));
  const std::pair<const char*, uint64_t> values[] = {{"cellsIn", counters.cellsIn},
                                                     {"cellsOut", counters.cellsOut},
                                                     {"relayedForward", counters.relayedForward},
                                                     {"relayedBackward", counters.relayedBackward},
                                                     {"dataForward", counters.dataForward},
                                                     {"dataBackward", counters.dataBackward},
                                                     {"dataUnpacked", counters.dataUnpacked},
                                                     {"dataPacked", counters.dataPacked},
                                                     {"circuitsCreated", counters.circuitsCreated},
                                                     {"streamsOpened", counters.streamsOpened}};
  for (const auto& [name, value] : values) object.Set(name, toNumber(env, value));
  return object;
}

inline Napi::Object reasonsToObject(Napi::Env env, const std::array<uint64_t, 16>& counts) {
  Napi::Object object = Napi::Object::New(env);
  for (size_t i = 0; i < kCloseReasons; ++i) object.Set(kCloseReasonNames[i], toNumber(env, counts[i]));
  return object;
}

inline OwnerCounters sumOf(const std::vector<ReactorSnapshot>& snapshots, uint32_t owner) {
  OwnerCounters sum;
  for (const ReactorSnapshot& snapshot : snapshots) {
    if (owner >= snapshot.counters.owners.size()) continue;
    const OwnerCounters& one = snapshot.counters.owners[owner];
    sum.cellsIn += one.cellsIn;
    sum.cellsOut += one.cellsOut;
    sum.relayedForward += one.relayedForward;
    sum.relayedBackward += one.relayedBackward;
    sum.dataForward += one.dataForward;
    sum.dataBackward += one.dataBackward;
    sum.dataUnpacked += one.dataUnpacked;
    sum.dataPacked += one.dataPacked;
    sum.circuitsCreated += one.circuitsCreated;
    sum.streamsOpened += one.streamsOpened;
  }
  return sum;
}

inline const char* const kOnionTypeNames[kOnionTypes] = {"tap", "fast", "ntor", "ntor_v3", "other"};

template <typename Values>
Napi::Object onionTypesToObject(Napi::Env env, const Values& values) {
  Napi::Object object = Napi::Object::New(env);
  for (size_t i = 0; i < kOnionTypes; ++i) {
    object.Set(kOnionTypeNames[i], toNumber(env, static_cast<uint64_t>(values[i])));
  }
  return object;
}

inline Napi::Object toObject(Napi::Env env, const OnionStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("processed", onionTypesToObject(env, stats.processed));
  object.Set("dropped", onionTypesToObject(env, stats.dropped));
  object.Set("costNs", onionTypesToObject(env, stats.cost));
  object.Set("queued", toNumber(env, stats.queued));
  object.Set("queueDelayNs", toObject(env, stats.queueDelay));
  return object;
}

inline Napi::Object statsToObject(Napi::Env env, DataPlane& plane) {
  const std::vector<ReactorSnapshot> snapshots = plane.snapshots();
  Napi::Object stats = Napi::Object::New(env);
  Napi::Array reactors = Napi::Array::New(env);
  std::array<uint64_t, 16> channels{}, circuits{}, streams{};
  for (const ReactorSnapshot& snapshot : snapshots) {
    reactors.Set(reactors.Length(), toObject(env, snapshot));
    for (size_t i = 0; i < channels.size(); ++i) {
      channels[i] += snapshot.counters.channelsClosed[i];
      circuits[i] += snapshot.counters.circuitsClosed[i];
      streams[i] += snapshot.counters.streamsClosed[i];
    }
  }
  Napi::Array owners = Napi::Array::New(env);
  for (uint32_t owner = 1; owner < plane.owners(); ++owner) {
    owners.Set(owners.Length(), toObject(env, owner, sumOf(snapshots, owner)));
  }
  stats.Set("reactors", reactors);
  stats.Set("owners", owners);
  stats.Set("onions", toObject(env, plane.onionStats()));
  stats.Set("channelsClosed", reasonsToObject(env, channels));
  stats.Set("circuitsClosed", reasonsToObject(env, circuits));
  stats.Set("streamsClosed", reasonsToObject(env, streams));
  stats.Set("memoryBytes", toNumber(env, plane.budget().used()));
  stats.Set("memoryBudget", toNumber(env, plane.budget().limit()));
  stats.Set("undeliveredEvents", toNumber(env, plane.undeliveredEvents()));
  return stats;
}

}  // namespace kist
