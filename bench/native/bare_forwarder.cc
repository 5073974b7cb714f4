// What a middle hop costs at least: cuts cells, rewrites the circuit ID by a table for each connection,
// forwards to the outgoing connection. One thread, epoll, reads of 128 KiB, one write for all cells of a
// turn. No scheduler, no queues by circuit, no limits, no other direction. A connection is not read while an
// outgoing one has a full buffer. Understands OPEN, CREATE and EXTEND just enough to be set up by tor61_load
// (waiting for the next hop's answers).
//
//   bare_forwarder [--host ADDRESS] [--agent ID] [socket options as tor61_load]
//
// Commands on standard input: `report`, `quit`; answers are lines of JSON.
#include <sys/epoll.h>

#include <csignal>
#include <map>
#include <memory>
#include <vector>

#include "support_report.h"
#include "support_wire.h"

namespace kist {

namespace {

class BareForwarder {
 public:
  BareForwarder(std::string host, uint32_t agent, SocketOptions socket)
      : host_(std::move(host)),
        agent_(agent),
        socket_(std::move(socket)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        outEpoll_(epoll_create1(EPOLL_CLOEXEC)) {
    uint16_t port = 0;
    listener_ = listenOn(host_, socket_, port);
    watch(epoll_, listener_, EPOLLIN);
    watch(epoll_, STDIN_FILENO, EPOLLIN);
    watch(outEpoll_, STDIN_FILENO, EPOLLIN);
    JsonLine("listening").add("port", int64_t{port}).add("agent", int64_t{agent}).print();
  }

  void run() {
    epoll_event events[64];
    while (!done_) {
      const int count = epoll_wait(full_ > 0 ? outEpoll_ : epoll_, events, 64, -1);
      for (int i = 0; i < count; ++i) serve(events[i].data.fd, events[i].events);
      for (Outgoing* outgoing : dirty_) write(*outgoing);
      dirty_.clear();
    }
    report("end");
  }

 private:
  static constexpr size_t kRead = 128 * 1024;
  static constexpr size_t kHigh = 512 * 1024;  ///< Of an outgoing buffer.
  static constexpr size_t kLength = Tor61Dialect::kCellLength;

  struct Outgoing {
    int fd = -1;
    uint16_t nextCircId = 1;
    bool dirty = false;
    bool full = false;
    size_t sent = 0;
    std::vector<uint8_t> buffer;
    size_t waiting() const { return buffer.size() - sent; }
  };
  struct Route {
    Outgoing* to = nullptr;
    uint16_t circId = 0;
  };
  struct Incoming {
    size_t kept = 0;
    uint8_t partial[kLength];
    std::vector<Route> routes;  ///< By circuit ID.
  };

  static void watch(int epoll, int fd, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }

  void serve(int fd, uint32_t events) {
    if (fd == STDIN_FILENO) {
      for (const std::string& line : commands_.read()) {
        if (line == "report") report("report");
        if (line == "quit") done_ = true;
      }
    } else if (fd == listener_) {
      accept();
    } else if (const auto in = incoming_.find(fd); in != incoming_.end()) {
      read(fd, *in->second);
    } else if (const auto out = outgoing_.find(fd); out != outgoing_.end()) {
      if (events & (EPOLLHUP | EPOLLERR)) fail("the next hop closed a channel");
      write(*out->second);
    }
  }

  void accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int error = 0;
    static_cast<void>(applyStreamOptions(fd, socket_, error));
    incoming_[fd] = std::make_unique<Incoming>();
    watch(epoll_, fd, EPOLLIN);
  }

  void read(int fd, Incoming& incoming) {
    std::memcpy(scratch_, incoming.partial, incoming.kept);
    const ssize_t count = recv(fd, scratch_ + incoming.kept, kRead - incoming.kept, MSG_DONTWAIT);
    ++reads_;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      close(fd);
      incoming_.erase(fd);
      return;
    }
    const size_t filled = incoming.kept + static_cast<size_t>(count);
    size_t at = 0;
    for (; at + kLength <= filled; at += kLength) forward(fd, incoming, scratch_ + at);
    incoming.kept = filled - at;
    std::memcpy(incoming.partial, scratch_ + at, incoming.kept);
  }

  void forward(int fd, Incoming& incoming, uint8_t* cell) {
    const uint16_t circId = loadU16(cell);
    if (circId >= incoming.routes.size() || incoming.routes[circId].to == nullptr ||
        cell[2] != Tor61Dialect::kRelay) {
      return setUp(fd, incoming, cell, circId);
    }
    const Route& route = incoming.routes[circId];
    Outgoing& outgoing = *route.to;
    storeU16(cell, route.circId);
    outgoing.buffer.insert(outgoing.buffer.end(), cell, cell + kLength);
    ++cells_;
    if (outgoing.dirty) return;
    outgoing.dirty = true;
    dirty_.push_back(&outgoing);
  }

  void setUp(int fd, Incoming& incoming, uint8_t* cell, uint16_t circId) {
    if (cell[2] == Tor61Dialect::kOpen) {
      cell[2] = Tor61Dialect::kOpened;
    } else if (cell[2] == Tor61Dialect::kCreate) {
      cell[2] = Tor61Dialect::kCreated;
    } else if (cell[2] == Tor61Dialect::kRelay && cell[13] == kRelayExtend) {
      extend(incoming, cell, circId);
      cell[13] = kRelayExtended;
    } else {
      return;
    }
    sendWhole(fd, ByteSpan(cell, kLength), SystemClock().now() + kSetUpTime);
  }

  void extend(Incoming& incoming, const uint8_t* cell, uint16_t circId) {
    const std::string text(reinterpret_cast<const char*>(cell + Tor61Dialect::kRelayHeader));
    const uint32_t agent = loadU32(cell + Tor61Dialect::kRelayHeader + text.size() + 1);
    Outgoing*& known = byAgent_[agent];
    if (known == nullptr) {
      const size_t colon = text.rfind(':');
      const auto port = static_cast<uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10));
      auto made = std::make_unique<Outgoing>();
      made->fd = connectTo(text.substr(0, colon), port, socket_);
      openChannelOn(made->fd, agent_, agent);
      known = made.get();
      outgoing_[made->fd] = std::move(made);
      // Edge-triggered: told once after each full socket buffer, without turning interest on and off.
      watch(epoll_, known->fd, EPOLLOUT | EPOLLET);
      watch(outEpoll_, known->fd, EPOLLOUT | EPOLLET);
    }
    Route route{known, known->nextCircId};
    known->nextCircId = static_cast<uint16_t>(known->nextCircId + 2);
    createCircuitOn(known->fd, route.circId);
    if (incoming.routes.size() <= circId) incoming.routes.resize(circId + 1u);
    incoming.routes[circId] = route;
  }

  void write(Outgoing& outgoing) {
    outgoing.dirty = false;
    bool blocked = false;
    while (outgoing.waiting() > 0 && !blocked) {
      const ssize_t count = send(outgoing.fd, outgoing.buffer.data() + outgoing.sent, outgoing.waiting(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
      ++writes_;
      if (count > 0) {
        outgoing.sent += static_cast<size_t>(count);
      } else if (errno == EAGAIN) {
        blocked = true;
      } else {
        fail(std::string("send: ") + std::strerror(errno));
      }
    }
    if (outgoing.waiting() == 0) {
      outgoing.buffer.clear();
      outgoing.sent = 0;
    } else if (outgoing.sent >= kHigh) {
      outgoing.buffer.erase(outgoing.buffer.begin(),
                            outgoing.buffer.begin() + static_cast<ptrdiff_t>(outgoing.sent));
      outgoing.sent = 0;
    }
    const bool full = outgoing.waiting() > kHigh;
    if (full == outgoing.full) return;
    outgoing.full = full;
    full_ += full ? 1 : -1;
  }

  void report(const char* event) {
    JsonLine(event)
        .add("nowNs", SystemClock().now())
        .add("cpuNs", processCpuNs())
        .add("cells", cells_)
        .add("reads", reads_)
        .add("writes", writes_)
        .print();
  }

  const std::string host_;
  const uint32_t agent_;
  const SocketOptions socket_;
  const int epoll_;     ///< Everything.
  const int outEpoll_;  ///< Everything but what brings cells: waited on while a buffer is full.
  int listener_ = -1;
  int full_ = 0;  ///< Outgoing buffers over kHigh.
  Commands commands_;
  std::map<int, std::unique_ptr<Incoming>> incoming_;
  std::map<int, std::unique_ptr<Outgoing>> outgoing_;
  std::map<uint32_t, Outgoing*> byAgent_;
  std::vector<Outgoing*> dirty_;
  uint64_t cells_ = 0, reads_ = 0, writes_ = 0;
  bool done_ = false;
  uint8_t scratch_[kRead];
};

int run(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  raiseDescriptorLimit();
  Args args(argc, argv, 1);
  const std::string host = args.text("host", "127.0.0.1");
  const auto agent = static_cast<uint32_t>(args.number("agent", 0x00010000, 0, UINT32_MAX));
  const SocketOptions socket = socketOptions(args);
  args.finish();
  std::make_unique<BareForwarder>(host, agent, socket)->run();
  return 0;
}

}  // namespace

}  // namespace kist

int main(int argc, char** argv) { return kist::run(argc, argv); }
