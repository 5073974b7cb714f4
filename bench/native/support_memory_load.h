#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/reactor.h"
#include "support_wire.h"

namespace kist {

/// Load made inside a reactor's own loop, over memory transports: origins that keep their channels full, and
/// the next hops that drain what arrives. Everything but the counters is touched on the loop alone.
class MemoryLoad {
 public:
  static constexpr size_t kLength = Tor61Dialect::kCellLength;

  /// Cells are counted by whole blocks of work, each counter on a cache line of its own.
  struct alignas(64) Counters {
    std::atomic<uint64_t> sent{0}, delivered{0}, ready{0}, wrong{0};
  };

  MemoryLoad(EventLoop& loop, MemoryHub& hub) : loop_(loop), hub_(hub), sinks_(*this), scratch_(kScratch) {}

  Counters& counters() { return counters_; }

  /// Next hops at ("sink", port).
  void listen(uint16_t port) {
    if (!isOk(hub_.listen("sink", port, loop_, sinks_))) fail("the memory hub refuses a listener");
  }

  /// An origin's channel to ("relay", port) for `circuits` circuits.
  void connect(uint16_t port, uint32_t circuits) {
    auto transport = hub_.connect(loop_, "relay", port, MemoryOptions{});
    if (!transport) fail("nobody listens at the memory hub");
    origins_.push_back(std::make_unique<Origin>(*this, std::move(transport), circuits));
    origins_.back()->start();
  }

  /// Once the relay has opened the channels.
  void create() {
    for (const auto& origin : origins_) origin->create();
  }

  void setRunning(bool running) {
    running_ = running;
    for (const auto& origin : origins_) origin->pump();
  }

 private:
  static constexpr size_t kScratch = 128 * 1024;
  static constexpr size_t kBlockCells = 512;
  /// Blocks that one origin may write in one turn; others get theirs.
  static constexpr uint32_t kWritesPerTurn = 2;

  static void bump(std::atomic<uint64_t>& counter, uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  /// Reads whole cells; `visit` sees each.
  class End : public Transport::Listener {
   public:
    End(MemoryLoad& load, std::unique_ptr<MemoryTransport> transport)
        : load_(load), transport_(std::move(transport)) {}
    virtual ~End() = default;
    void start() { static_cast<void>(transport_->start(*this)); }

    void onTransportConnected() override {}
    void onTransportFailed(int) override { bump(load_.counters_.wrong, 1); }
    void onTransportReadable() override {
      std::vector<uint8_t>& scratch = load_.scratch_;
      std::memcpy(scratch.data(), partial_, kept_);
      const IoResult result = transport_->read(MutableByteSpan(scratch).subspan(kept_));
      const size_t filled = kept_ + result.bytes;
      size_t at = 0;
      for (; at + kLength <= filled; at += kLength) onCell(scratch.data() + at);
      kept_ = filled - at;
      std::memcpy(partial_, scratch.data() + at, kept_);
      onBatch();
    }

   protected:
    virtual void onCell(uint8_t* cell) = 0;
    virtual void onBatch() {}

    MemoryLoad& load_;
    std::unique_ptr<MemoryTransport> transport_;

   private:
    size_t kept_ = 0;
    uint8_t partial_[kLength];
  };

  class Origin final : public End {
   public:
    Origin(MemoryLoad& load, std::unique_ptr<MemoryTransport> transport, uint32_t circuits)
        : End(load, std::move(transport)), block_(kBlockCells * kLength) {
      const uint8_t body[Tor61Dialect::kBodyCapacity] = {};
      for (uint32_t i = 0; i < kBlockCells; ++i) {
        dialect_.encodeRelay(block_.data() + i * kLength, circIdOf(i % circuits), 1, Tor61Dialect::kData,
                             body);
      }
      creates_.resize(circuits * kLength);
      for (uint32_t i = 0; i < circuits; ++i)
        dialect_.encodeCreate(creates_.data() + i * kLength, circIdOf(i), {});
    }

    void onTransportWritable() override {
      if (created_ < creates_.size()) {
        create();
      } else {
        pump();
      }
    }

    void create() {
      created_ += write(ByteSpan(creates_).subspan(created_));
      if (created_ < creates_.size()) transport_->watchWritable();
    }

    void pump() {
      // A block begun is ended, so that only whole cells are under way.
      for (uint32_t i = 0; i < kWritesPerTurn && (load_.running_ || at_ > 0); ++i) {
        const size_t before = at_;
        at_ += write(ByteSpan(block_).subspan(at_));
        bump(load_.counters_.sent, at_ / kLength - before / kLength);
        if (at_ < block_.size()) break;
        at_ = 0;
      }
      if (load_.running_ || at_ > 0) transport_->watchWritable();
    }

   private:
    static uint32_t circIdOf(uint32_t index) { return 2 * index + 1; }

    size_t write(ByteSpan bytes) {
      const iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
      return transport_->write(&part, 1).bytes;
    }
    void onCell(uint8_t* cell) override {
      if (cell[2] == Tor61Dialect::kCreated) return;
      const bool extended = cell[2] == Tor61Dialect::kRelay && cell[13] == kRelayExtended;
      bump(extended ? load_.counters_.ready : load_.counters_.wrong, 1);
    }

    const Tor61Dialect dialect_;
    std::vector<uint8_t> block_, creates_;
    size_t at_ = 0, created_ = 0;
  };

  class NextHop final : public End {
   public:
    using End::End;

   private:
    void onTransportWritable() override { answer(); }
    void onCell(uint8_t* cell) override {
      if (cell[2] == Tor61Dialect::kRelay && cell[13] == Tor61Dialect::kData) {
        ++batch_;
      } else if (cell[2] == Tor61Dialect::kCreate) {
        cell[2] = Tor61Dialect::kCreated;
        answers_.insert(answers_.end(), cell, cell + kLength);
      } else {
        bump(load_.counters_.wrong, 1);
      }
    }
    void onBatch() override {
      bump(load_.counters_.delivered, batch_);
      batch_ = 0;
      answer();
    }
    void answer() {
      if (answers_.empty()) return;
      const iovec part{answers_.data(), answers_.size()};
      const size_t taken = transport_->write(&part, 1).bytes;
      answers_.erase(answers_.begin(), answers_.begin() + static_cast<ptrdiff_t>(taken));
      if (!answers_.empty()) transport_->watchWritable();
    }

    uint64_t batch_ = 0;
    std::vector<uint8_t> answers_;
  };

  class Sinks final : public MemoryHub::Listener {
   public:
    explicit Sinks(MemoryLoad& load) : load_(load) {}
    void onMemoryAccepted(std::unique_ptr<MemoryTransport> transport) override {
      load_.nextHops_.push_back(std::make_unique<NextHop>(load_, std::move(transport)));
      load_.nextHops_.back()->start();
    }

   private:
    MemoryLoad& load_;
  };

  EventLoop& loop_;
  MemoryHub& hub_;
  Sinks sinks_;
  Counters counters_;
  std::vector<uint8_t> scratch_;
  std::vector<std::unique_ptr<Origin>> origins_;
  std::vector<std::unique_ptr<NextHop>> nextHops_;
  bool running_ = false;
};

}  // namespace kist
