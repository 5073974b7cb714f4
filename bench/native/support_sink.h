#pragma once

#include <sys/epoll.h>

#include <map>
#include <memory>
#include <vector>

#include "support_cell.h"
#include "support_report.h"
#include "support_wire.h"

namespace kist {

/// The next hop of the relay under test: listens on several ports, one agent ID each, answers OPEN and
/// CREATE, and is the end of every circuit. Checks and counts DATA cells and records the delay of those that
/// carry a time.
///
/// Commands: `report`, `reset` (forgets delays recorded so far), `quit`.
class Sink {
 public:
  struct Init {
    std::string host = "127.0.0.1";
    uint32_t ports = 1;
    uint32_t firstAgent = 0x00640000;
    SocketOptions socket;
  };

  explicit Sink(const Init& init) : init_(init), epoll_(epoll_create1(EPOLL_CLOEXEC)), scratch_(kScratch) {
    watch(STDIN_FILENO, 0);
    std::vector<int64_t> ports;
    std::vector<int64_t> agents;
    for (uint32_t i = 0; i < init.ports; ++i) {
      uint16_t port = 0;
      listeners_.push_back(listenOn(init.host, init.socket, port));
      watch(listeners_.back(), static_cast<uint64_t>(listeners_.back()));
      ports.push_back(port);
      agents.push_back(init.firstAgent + i);
    }
    JsonLine("listening").add("ports", ports).add("agents", agents).print();
  }

  void run() {
    epoll_event events[64];
    while (!done_) {
      const int count = epoll_wait(epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) serve(static_cast<int>(events[i].data.u64));
    }
  }

 private:
  static constexpr size_t kScratch = 512 * 1024;
  static constexpr uint32_t kNone = UINT32_MAX;

  struct SinkCircuit {
    uint32_t number = kNone;
    uint64_t expected = 0;  ///< Sequence number of the next cell.
    uint64_t cells = 0;
  };
  struct Connection {
    uint32_t agent = 0;
    size_t kept = 0;
    uint8_t partial[BenchCell::kLength];
    std::vector<uint32_t> circuits;  ///< By circuit ID: place in circuits_.
    std::vector<uint8_t> answers;
  };

  void watch(int fd, uint64_t data) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = data;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void serve(int fd) {
    if (fd == STDIN_FILENO) return command();
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (listeners_[i] == fd) return acceptOn(fd, init_.firstAgent + static_cast<uint32_t>(i));
    }
    const auto found = connections_.find(fd);
    if (found != connections_.end()) readFrom(fd, *found->second);
  }

  void command() {
    for (const std::string& line : commands_.read()) {
      if (line == "report") report("report");
      if (line == "reset") quiet_.clear(), bulk_.clear();
      if (line == "quit") done_ = true;
    }
    if (done_) report("end");
  }

  void acceptOn(int listener, uint32_t agent) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int error = 0;
    static_cast<void>(applyStreamOptions(fd, init_.socket, error));
    auto connection = std::make_unique<Connection>();
    connection->agent = agent;
    connections_[fd] = std::move(connection);
    watch(fd, static_cast<uint64_t>(fd));
  }

  void readFrom(int fd, Connection& connection) {
    std::memcpy(scratch_.data(), connection.partial, connection.kept);
    const ssize_t count =
        recv(fd, scratch_.data() + connection.kept, kScratch - connection.kept, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    ++reads_;
    if (count <= 0) {
      ++closed_;
      close(fd);
      connections_.erase(fd);
      return;
    }
    const TimeNs now = clock_.now();
    const size_t filled = connection.kept + static_cast<size_t>(count);
    size_t at = 0;
    for (; at + BenchCell::kLength <= filled; at += BenchCell::kLength) {
      onCell(connection, scratch_.data() + at, now);
    }
    connection.kept = filled - at;
    std::memcpy(connection.partial, scratch_.data() + at, connection.kept);
    if (connection.answers.empty()) return;
    sendWhole(fd, connection.answers, now + kSetUpTime);
    connection.answers.clear();
  }

  void onCell(Connection& connection, uint8_t* cell, TimeNs now) {
    const uint16_t circId = loadU16(cell);
    switch (cell[2]) {
      case Tor61Dialect::kRelay:
        return onRelay(connection, circId, cell, now);
      case Tor61Dialect::kOpen:
        if (loadU32(cell + 7) != connection.agent) ++unknown_;
        cell[2] = Tor61Dialect::kOpened;
        break;
      case Tor61Dialect::kCreate:
        if (connection.circuits.size() <= circId) connection.circuits.resize(circId + 1u, kNone);
        connection.circuits[circId] = static_cast<uint32_t>(circuits_.size());
        circuits_.emplace_back();
        cell[2] = Tor61Dialect::kCreated;
        break;
      case Tor61Dialect::kDestroy:
        ++destroys_;
        if (circId < connection.circuits.size()) connection.circuits[circId] = kNone;
        return;
      default:
        ++unknown_;
        return;
    }
    connection.answers.insert(connection.answers.end(), cell, cell + BenchCell::kLength);
  }

  void onRelay(Connection& connection, uint16_t circId, const uint8_t* cell, TimeNs now) {
    const uint32_t index = circId < connection.circuits.size() ? connection.circuits[circId] : kNone;
    if (index == kNone || cell[13] != Tor61Dialect::kData) {
      ++unknown_;
      return;
    }
    SinkCircuit& circuit = circuits_[index];
    BenchCell::Stamp stamp;
    if (!BenchCell::read(cell, stamp)) {
      ++badChecksum_;
      return;
    }
    if (circuit.number == kNone) circuit.number = stamp.number;
    if (circuit.number != stamp.number || stamp.sequence != circuit.expected) ++outOfOrder_;
    circuit.expected = stamp.sequence + 1;
    ++circuit.cells;
    ++(stamp.flags & BenchCell::kFlagQuiet ? quietCells_ : bulkCells_);
    if (stamp.flags & BenchCell::kFlagTimed) {
      (stamp.flags & BenchCell::kFlagQuiet ? quiet_ : bulk_).add(now - stamp.time);
    }
  }

  void report(const char* event) {
    uint64_t fewest = circuits_.empty() ? 0 : UINT64_MAX;
    uint64_t most = 0;
    for (const SinkCircuit& circuit : circuits_) {
      fewest = std::min(fewest, circuit.cells);
      most = std::max(most, circuit.cells);
    }
    JsonLine(event)
        .add("nowNs", clock_.now())
        .add("cpuNs", processCpuNs())
        .add("cells", bulkCells_)
        .add("quietCells", quietCells_)
        .add("badChecksum", badChecksum_)
        .add("outOfOrder", outOfOrder_)
        .add("unknown", unknown_)
        .add("destroys", destroys_)
        .add("closed", closed_)
        .add("reads", reads_)
        .add("circuits", static_cast<uint64_t>(circuits_.size()))
        .add("fewestPerCircuit", fewest)
        .add("mostPerCircuit", most)
        .raw("bulkDelay", bulk_.json())
        .raw("quietDelay", quiet_.json())
        .print();
  }

  const Init init_;
  const SystemClock clock_;
  const int epoll_;
  Commands commands_;
  std::vector<int> listeners_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::vector<SinkCircuit> circuits_;
  std::vector<uint8_t> scratch_;
  Samples bulk_, quiet_;
  uint64_t bulkCells_ = 0, quietCells_ = 0, badChecksum_ = 0, outOfOrder_ = 0, unknown_ = 0;
  uint64_t destroys_ = 0, closed_ = 0, reads_ = 0;
  bool done_ = false;
};

}  // namespace kist
