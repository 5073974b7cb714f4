// Load for a Tor61 relay that passes circuits on, independent of what is measured: its own plain epoll loops.
//
//   tor61_load sink [--ports K] [--host ADDRESS] [--first-agent ID] [socket options]
//   tor61_load load --relay ADDRESS --port P --agent ID --sinks PORT,PORT,... [--sink-host ADDRESS]
//              [--first-sink-agent ID] [--first-agent ID] [--channels K] [--bulk C] [--bulk-in K] [--bulk-out
//              K]
//              [--rate CELLS_PER_SECOND (0: saturated)] [--cells N] [--seconds T] [--batch BYTES]
//              [--quiet IN:OUT,IN:OUT,...] [--quiet-rate BURSTS_PER_1000_SECONDS] [--quiet-burst CELLS]
//              [socket options]
//   socket options: [--cc NAME] [--mss N] [--sndbuf N] [--rcvbuf N]
//
// Both are driven by lines on standard input and answer with lines of JSON; see Sink and Generator.
#include <csignal>

#include "support_generator.h"
#include "support_sink.h"

namespace kist {

namespace {

constexpr int64_t kMaxId = UINT32_MAX;

int sink(Args& args) {
  Sink::Init init;
  init.host = args.text("host", init.host);
  init.ports = static_cast<uint32_t>(args.number("ports", 1, 1, 4096));
  init.firstAgent = static_cast<uint32_t>(args.number("first-agent", init.firstAgent, 0, kMaxId));
  init.socket = socketOptions(args);
  args.finish();
  Sink(init).run();
  return 0;
}

uint32_t part(const std::string& text) {
  return static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
}

int load(Args& args) {
  Generator::Init init;
  init.host = args.text("relay", init.host);
  init.port = static_cast<uint16_t>(args.number("port", 0, 1, 65535));
  init.agent = static_cast<uint32_t>(args.number("agent", 0, 0, kMaxId));
  init.channels = static_cast<uint32_t>(args.number("channels", 1, 1, 4096));
  init.bulk = static_cast<uint32_t>(args.number("bulk", 1, 0, 100'000));
  init.bulkIn = static_cast<uint32_t>(args.number("bulk-in", 0, 0, init.channels));
  init.bulkOut = static_cast<uint32_t>(args.number("bulk-out", 0, 0, 4096));
  init.rate = static_cast<uint64_t>(args.number("rate", 0, 0, 100'000'000));
  init.quietRate = static_cast<double>(args.number("quiet-rate", 10'000, 1, 10'000'000)) / 1000;
  init.quietBurst = static_cast<uint32_t>(args.number("quiet-burst", 1, 1, 64));
  init.sinkHost = args.text("sink-host", init.sinkHost);
  init.firstSinkAgent =
      static_cast<uint32_t>(args.number("first-sink-agent", init.firstSinkAgent, 0, kMaxId));
  init.firstAgent = static_cast<uint32_t>(args.number("first-agent", init.firstAgent, 0, kMaxId));
  init.cells = static_cast<uint64_t>(args.number("cells", 0, 0, INT64_MAX));
  init.duration = args.number("seconds", 0, 0, 86400) * kSecond;
  init.batch = static_cast<uint32_t>(args.number("batch", init.batch, BenchCell::kLength, 1 << 24));
  init.socket = socketOptions(args);
  for (const std::string& port : args.list("sinks")) init.sinks.push_back(static_cast<uint16_t>(part(port)));
  for (const std::string& place : args.list("quiet")) {
    init.quiet.push_back({part(place), part(place.substr(std::min(place.find(':') + 1, place.size())))});
  }
  args.finish();
  if (init.port == 0 || init.sinks.empty()) fail("--port and --sinks are needed");
  Generator(init).run();
  return 0;
}

int run(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  raiseDescriptorLimit();
  const std::string mode = argc > 1 ? argv[1] : "";
  Args args(argc, argv, 2);
  if (mode == "sink") return sink(args);
  if (mode == "load") return load(args);
  fail("usage: tor61_load sink|load --option value ...");
}

}  // namespace

}  // namespace kist

int main(int argc, char** argv) { return kist::run(argc, argv); }
