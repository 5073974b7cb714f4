#pragma once

#include <memory>
#include <utility>

#include "transport/memory_connection.h"
#include "transport/transport.h"

namespace kist {

/// Bytes carried inside the process, between two ends on one loop or on two. Runs on every loop, also without
/// descriptors. Optionally keeps records and queued bytes as an encrypting transport does, so that what sits
/// above a transport is tested with both. Unlike TCP it loses nothing when an end closes with unread input.
class MemoryTransport final : public Transport {
 public:
  using Pair = std::pair<std::unique_ptr<MemoryTransport>, std::unique_ptr<MemoryTransport>>;
  /// The first end is the connecting one.
  static Pair pair(EventLoop& first, EventLoop& second, const MemoryOptions& options = {});
  ~MemoryTransport() override;

  const char* name() const override { return "memory"; }
  Status start(Listener& listener) override;
  IoResult read(MutableByteSpan into) override;
  IoResult write(const iovec* parts, int count) override;
  uint64_t queuedBytes() const override;
  uint64_t wireBytes(uint64_t bytes) const override;
  bool hasBufferedInput() const override { return !decoded_.isEmpty(); }
  void setReading(bool enabled) override;
  void watchWritable() override;
  int fd() const override { return -1; }
  bool ownTcpInfo(TcpInfo& /*info*/) const override { return false; }
  bool setNotsentLowat(uint32_t bytes) override;
  Status shutdownWrite() override;
  void close(bool reset) override;

  /// For tests: both ends see a connection reset.
  void injectReset();
  /// For tests: while set, nothing that this end writes arrives; the bytes wait.
  void setStalled(bool stalled);

 private:
  friend struct MemoryConnection;

  MemoryTransport(std::shared_ptr<MemoryConnection> connection, int side);
  void deliver();
  bool tellConnected();
  int takeErrorToTell();
  bool tellWritable();
  size_t acceptPlain(ByteSpan bytes);
  size_t acceptRecords(ByteSpan bytes);
  void decodeRecords();
  MemoryConnection::End& end() const { return connection_->ends[side_]; }
  MemoryConnection::Pipe& outPipe() const { return connection_->pipes[side_]; }
  MemoryConnection::Pipe& inPipe() const { return connection_->pipes[1 - side_]; }

  const std::shared_ptr<MemoryConnection> connection_;
  const int side_;
  Listener* listener_ = nullptr;
  ByteFifo received_;  ///< Records, the last one perhaps in part.
  ByteFifo decoded_;   ///< What they hold.
};

}  // namespace kist
