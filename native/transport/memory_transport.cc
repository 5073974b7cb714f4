#include "transport/memory_transport.h"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace kist {

namespace {

/// A record looks like TLS's: type, version, length; the payload; then inner type and tag, here zeroes.
constexpr size_t kHeaderBytes = 5;
constexpr size_t kTrailerBytes = kMemoryRecordOverhead - kHeaderBytes;
/// Taken from the pipe by one read.
constexpr size_t kReadAhead = 64 * 1024;

void appendRecord(ByteFifo& into, ByteSpan payload) {
  uint8_t header[kHeaderBytes] = {0x17, 3, 3, 0, 0};
  storeU16(header + 3, static_cast<uint16_t>(payload.size() + kTrailerBytes));
  const uint8_t trailer[kTrailerBytes] = {};
  into.append(header);
  into.append(payload);
  into.append(trailer);
}

std::vector<uint8_t> gather(const iovec* parts, int count) {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < count; ++i) {
    const uint8_t* begin = static_cast<const uint8_t*>(parts[i].iov_base);
    bytes.insert(bytes.end(), begin, begin + parts[i].iov_len);
  }
  return bytes;
}

}  // namespace

MemoryTransport::Pair MemoryTransport::pair(EventLoop& first, EventLoop& second,
                                            const MemoryOptions& options) {
  auto connection = std::make_shared<MemoryConnection>();
  connection->options = options;
  connection->ends[0].loop = &first;
  connection->ends[0].connectedDue = true;
  connection->ends[1].loop = &second;
  return {std::unique_ptr<MemoryTransport>(new MemoryTransport(connection, 0)),
          std::unique_ptr<MemoryTransport>(new MemoryTransport(connection, 1))};
}

MemoryTransport::MemoryTransport(std::shared_ptr<MemoryConnection> connection, int side)
    : connection_(std::move(connection)), side_(side) {
  end().owner = std::make_shared<MemoryConnection::Owner>();
  end().owner->transport = this;
}

MemoryTransport::~MemoryTransport() { close(false); }

Status MemoryTransport::start(Listener& listener) {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  if (end().closed) return Status::kClosed;
  if (listener_ != nullptr) return Status::kInvalid;
  end().loop->assertInLoop();
  listener_ = &listener;
  end().started = true;
  connection_->notify(side_);
  return Status::kOk;
}

IoResult MemoryTransport::read(MutableByteSpan into) {
  end().loop->assertInLoop();
  if (into.empty()) return {0, Status::kWouldBlock, 0};
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  MemoryConnection::End& here = end();
  if (here.closed) return {0, Status::kClosed, 0};
  if (!decoded_.isEmpty()) return {decoded_.take(into), Status::kOk, 0};
  if (here.error != 0) {
    here.toldError = true;
    return {0, Status::kError, here.error};
  }
  MemoryConnection::Pipe& pipe = inPipe();
  if (pipe.stalled) return {0, Status::kWouldBlock, 0};
  size_t count = 0;
  if (connection_->options.records) {
    const size_t taken = std::min(pipe.bytes.size(), kReadAhead);
    received_.append(pipe.bytes.bytes().first(taken));
    pipe.bytes.consume(taken);
    decodeRecords();
    count = decoded_.take(into);
  } else {
    count = pipe.bytes.take(into);
  }
  pipe.pump(connection_->options);
  connection_->notify(1 - side_);
  if (count > 0) return {count, Status::kOk, 0};
  if (!pipe.ended || !pipe.bytes.isEmpty()) return {0, Status::kWouldBlock, 0};
  here.sawEnd = true;
  return {0, Status::kClosed, 0};
}

void MemoryTransport::decodeRecords() {
  while (received_.size() >= kHeaderBytes) {
    const ByteSpan bytes = received_.bytes();
    const size_t length = loadU16(bytes.data() + 3);
    if (bytes.size() < kHeaderBytes + length) return;
    decoded_.append(bytes.subspan(kHeaderBytes, length - kTrailerBytes));
    received_.consume(kHeaderBytes + length);
  }
}

IoResult MemoryTransport::write(const iovec* parts, int count) {
  end().loop->assertInLoop();
  const std::vector<uint8_t> gathered = gather(parts, count);
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  if (end().closed) return {0, Status::kClosed, 0};
  if (end().error != 0) return {0, Status::kError, end().error};
  if (connection_->ends[1 - side_].closed || outPipe().ended) return {0, Status::kError, EPIPE};
  const uint32_t maxWrite = connection_->options.maxWrite;
  ByteSpan bytes(gathered);
  if (maxWrite != 0) bytes = bytes.first(std::min<size_t>(bytes.size(), maxWrite));
  const size_t accepted = connection_->options.records ? acceptRecords(bytes) : acceptPlain(bytes);
  if (accepted == 0) return {0, Status::kWouldBlock, 0};
  connection_->notify(1 - side_);
  return {accepted, Status::kOk, 0};
}

size_t MemoryTransport::acceptPlain(ByteSpan bytes) {
  const size_t count = std::min(outPipe().room(connection_->options), bytes.size());
  outPipe().bytes.append(bytes.first(count));
  return count;
}

size_t MemoryTransport::acceptRecords(ByteSpan bytes) {
  MemoryConnection::Pipe& pipe = outPipe();
  size_t accepted = 0;
  // Room after pump() means that nothing is queued.
  while (accepted < bytes.size() && pipe.room(connection_->options) > 0) {
    const ByteSpan payload =
        bytes.subspan(accepted, std::min<size_t>(bytes.size() - accepted, kMemoryRecordBytes));
    appendRecord(pipe.queued, payload);
    pipe.pump(connection_->options);
    accepted += payload.size();
  }
  return accepted;
}

uint64_t MemoryTransport::queuedBytes() const {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  return outPipe().queued.size();
}

uint64_t MemoryTransport::wireBytes(uint64_t bytes) const {
  if (!connection_->options.records) return bytes;
  return bytes + (bytes + kMemoryRecordBytes - 1) / kMemoryRecordBytes * kMemoryRecordOverhead;
}

void MemoryTransport::setReading(bool enabled) {
  end().loop->assertInLoop();
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  end().reading = enabled;
  connection_->notify(side_);
}

void MemoryTransport::watchWritable() {
  end().loop->assertInLoop();
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  end().writableArmed = true;
  connection_->notify(side_);
}

bool MemoryTransport::setNotsentLowat(uint32_t bytes) {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  if (end().closed) return false;
  outPipe().lowat = bytes;
  outPipe().pump(connection_->options);
  connection_->notify(side_);
  connection_->notify(1 - side_);
  return true;
}

Status MemoryTransport::shutdownWrite() {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  if (end().closed || end().error != 0) return Status::kClosed;
  MemoryConnection::Pipe& pipe = outPipe();
  pipe.bytes.append(pipe.queued.bytes());
  pipe.queued.clear();
  pipe.ended = true;
  connection_->notify(1 - side_);
  return Status::kOk;
}

void MemoryTransport::close(bool reset) {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  if (end().closed) return;
  end().closed = true;
  end().owner->transport = nullptr;
  inPipe().bytes.clear();
  inPipe().queued.clear();
  if (reset) return connection_->failBoth(ECONNRESET);
  outPipe().bytes.append(outPipe().queued.bytes());
  outPipe().queued.clear();
  outPipe().ended = true;
  connection_->notify(1 - side_);
}

void MemoryTransport::injectReset() {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  connection_->failBoth(ECONNRESET);
}

void MemoryTransport::setStalled(bool stalled) {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  outPipe().stalled = stalled;
  connection_->notify(1 - side_);
}

/// Tells the listener what is due, each kind once; input that stays is told again in the next turn. The mutex
/// is never held during an upward call, and any such call may close or destroy this end.
void MemoryTransport::deliver() {
  const std::shared_ptr<MemoryConnection> connection = connection_;
  const std::shared_ptr<MemoryConnection::Owner> owner = end().owner;
  const int side = side_;
  if (tellConnected()) listener_->onTransportConnected();
  if (owner->transport == nullptr) return;
  if (const int error = takeErrorToTell(); error != 0) return listener_->onTransportFailed(error);
  bool readable;
  {
    const std::lock_guard<std::mutex> lock(connection->mutex);
    readable = end().reading && connection->hasInput(side);
  }
  if (readable) listener_->onTransportReadable();
  if (owner->transport == nullptr) return;
  if (tellWritable()) listener_->onTransportWritable();
  if (owner->transport == nullptr) return;
  const std::lock_guard<std::mutex> lock(connection->mutex);
  end().scheduled = false;
  connection->notify(side);
}

bool MemoryTransport::tellConnected() {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  return std::exchange(end().connectedDue, false);
}

/// An error is told as input to an end that reads, since read() says what it is.
int MemoryTransport::takeErrorToTell() {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  MemoryConnection::End& here = end();
  if (here.toldError || here.reading) return 0;
  here.toldError = here.error != 0;
  return here.error;
}

bool MemoryTransport::tellWritable() {
  const std::lock_guard<std::mutex> lock(connection_->mutex);
  if (!end().writableArmed || !connection_->canWrite(side_)) return false;
  end().writableArmed = false;
  return true;
}

}  // namespace kist
