#include "transport/tls_transport.h"

#include <algorithm>
#include <utility>

#include "transport/tls_record_cutter.h"

namespace kist {

namespace {

/// Plaintext encrypted before it is sent; what the kernel then leaves is queued, so this bounds the queue.
constexpr size_t kRound = 4 * TlsEngine::kRecord;
/// Output of anything but write(): a handshake's flight, an alert, answers to new keys.
constexpr size_t kAnswerRoom = 32 * 1024;
/// Above what write() can leave queued: only answers to a peer that does not take them get here.
constexpr size_t kTooManyAnswers = 128 * 1024;

}  // namespace

std::unique_ptr<TlsTransport> TlsTransport::connect(EventLoop& loop, const SocketAddress& address,
                                                    const SocketOptions& options, TimeNs deadline,
                                                    const TlsIdentity& identity,
                                                    std::shared_ptr<TlsScratch> scratch, Status& status,
                                                    int& error) {
  auto tcp = TcpTransport::connect(loop, address, options, deadline, status, error);
  if (tcp == nullptr) return nullptr;
  return std::unique_ptr<TlsTransport>(
      new TlsTransport(loop, std::move(tcp), identity.clientContext(), std::move(scratch), true, deadline));
}

std::unique_ptr<TlsTransport> TlsTransport::accept(EventLoop& loop, int fd, const SocketOptions& options,
                                                   const TlsIdentity& identity,
                                                   std::shared_ptr<TlsScratch> scratch) {
  return std::unique_ptr<TlsTransport>(new TlsTransport(loop, TcpTransport::accept(loop, fd, options),
                                                        identity.serverContext(), std::move(scratch), false,
                                                        kNever));
}

TlsTransport::TlsTransport(EventLoop& loop, std::unique_ptr<TcpTransport> tcp, TlsIdentity::Context context,
                           std::shared_ptr<TlsScratch> scratch, bool isConnecting, TimeNs deadline)
    : loop_(loop),
      tcp_(std::move(tcp)),
      context_(std::move(context)),
      scratch_(std::move(scratch)),
      isConnecting_(isConnecting),
      state_(State::kConnecting),
      deadline_(deadline),
      deadlineTimer_(loop.timers(), [this] { fail(ETIMEDOUT); }),
      kick_(loop.timers(), [this] { tellReadable(); }) {}

TlsTransport::~TlsTransport() {
  close(false);
  if (destroyed_ != nullptr) *destroyed_ = true;
}

Status TlsTransport::start(Transport::Listener& listener) {
  loop_.assertInLoop();
  if (state_ == State::kClosed) return Status::kClosed;
  if (listener_ != nullptr) return Status::kInvalid;
  if (!isConnecting_ && !beginHandshake()) return Status::kExhausted;
  const Status status = tcp_->start(*this);
  if (isOk(status)) listener_ = &listener;
  return status;
}

// Upward.

/// False when the call ended this object.
template <typename F>
bool TlsTransport::up(F&& call) {
  bool destroyed = false;
  bool* const outer = std::exchange(destroyed_, &destroyed);
  call();
  if (destroyed) {
    if (outer != nullptr) *outer = true;
    return false;
  }
  destroyed_ = outer;
  return state_ == State::kOpen;
}

void TlsTransport::tellReadable() {
  if (!reading_ || state_ != State::kOpen) return;
  if (up([this] { listener_->onTransportReadable(); })) updateKick();
}

void TlsTransport::fail(int error) {
  if (state_ == State::kFailed || state_ == State::kClosed) return;
  state_ = State::kFailed;
  if (inputEnd_ == Status::kOk) endInput(Status::kError, error);
  failOutput(error);
  deadlineTimer_.cancel();
  kick_.cancel();
  tcp_->close(false);
  up([this, error] { listener_->onTransportFailed(error); });
}

// The handshake. It goes on also while our listener does not read.

void TlsTransport::onTransportConnected() {
  if (!beginHandshake()) return fail(ENOMEM);
  if (deadline_ != kNever) deadlineTimer_.arm(deadline_);
  continueHandshake({});
}

bool TlsTransport::beginHandshake() {
  engine_ = isConnecting_ ? TlsEngine::makeClient(context_) : TlsEngine::makeServer(context_);
  if (engine_ == nullptr) return false;
  context_.reset();
  state_ = State::kHandshaking;
  return true;
}

void TlsTransport::continueHandshake(ByteSpan ciphertext) {
  engine_->attach(ciphertext, scratch_->output().first(kAnswerRoom));
  const TlsEngine::Result result = engine_->handshake();
  keepInput(ciphertext.size() - engine_->restOfInput().size(), ciphertext);
  sendOutput();
  if (result == TlsEngine::Result::kOk) return finishHandshake();
  if (result == TlsEngine::Result::kWantInput && outputError_ == 0) return;
  endInput(Status::kError, result == TlsEngine::Result::kWantInput ? outputError_ : EPROTO);
  abandonHandshake();
}

void TlsTransport::finishHandshake() {
  established_ = true;
  state_ = State::kOpen;
  deadlineTimer_.cancel();
  applyReading();
  if (writableArmed_) tcp_->watchWritable();
  if (isConnecting_ && !up([this] { listener_->onTransportConnected(); })) return;
  updateKick();
}

void TlsTransport::abandonHandshake() {
  const int error = inputEnd_ == Status::kClosed ? ECONNRESET : inputError_;
  failOutput(error);
  if (isConnecting_ || (!reading_ && inputEnd_ == Status::kError)) return fail(error);
  state_ = State::kOpen;
  applyReading();
  tellReadable();
}

// Input.

void TlsTransport::onTransportReadable() {
  if (state_ != State::kHandshaking) return tellReadable();
  const ByteSpan ciphertext = receive(TlsEngine::kMaxWireRecord);
  if (inputEnd_ != Status::kOk) return abandonHandshake();
  if (!ciphertext.empty()) continueHandshake(ciphertext);
}

IoResult TlsTransport::read(MutableByteSpan into) {
  loop_.assertInLoop();
  if (state_ == State::kClosed) return {0, Status::kClosed, 0};
  if (into.empty()) return {0, Status::kWouldBlock, 0};
  if (inputEnd_ == Status::kOk && state_ == State::kOpen && !inputBlocked_) {
    size_t bytes = engine_->hasInput(unparsed_.bytes()) ? decrypt(unparsed_.bytes(), into) : 0;
    if (bytes == 0 && inputEnd_ == Status::kOk && !inputBlocked_) {
      const ByteSpan ciphertext = receive(into.size());
      if (!ciphertext.empty()) bytes = decrypt(ciphertext, into);
    }
    if (bytes > 0) {
      updateKick();
      return {bytes, Status::kOk, 0};
    }
  }
  if (inputEnd_ == Status::kOk) {
    updateKick();
    return {0, Status::kWouldBlock, 0};
  }
  endToldByRead_ = true;
  updateKick();
  return {0, inputEnd_, inputError_};
}

/// What waits unparsed and what the kernel has, `most` bytes in all (at least a whole record), in the
/// scratch. Ciphertext is longer than its plaintext, so a reader with room for `most` bytes never leaves a
/// record.
ByteSpan TlsTransport::receive(size_t most) {
  const MutableByteSpan input = scratch_->input();
  const size_t kept = unparsed_.size();
  const size_t room = std::min(std::max(most, TlsEngine::kMaxWireRecord), input.size());
  if (room <= kept) return {};
  std::copy_n(unparsed_.bytes().data(), kept, input.data());
  const IoResult result = tcp_->read(input.subspan(kept, room - kept));
  if (result.status == Status::kOk) return input.first(kept + result.bytes);
  if (result.status != Status::kWouldBlock) endInput(result.status, result.error);
  return {};
}

/// `ciphertext` begins with what waits unparsed; what is left of it waits from now on.
size_t TlsTransport::decrypt(ByteSpan ciphertext, MutableByteSpan into) {
  size_t bytes = 0;
  engine_->attach(ciphertext, scratch_->output().first(kAnswerRoom));
  const TlsEngine::Result result = engine_->read(into, bytes);
  keepInput(ciphertext.size() - engine_->restOfInput().size(), ciphertext);
  if (result == TlsEngine::Result::kEnded) endInput(Status::kClosed, 0);
  if (result == TlsEngine::Result::kBroken) endInput(Status::kError, EPROTO);
  const bool hasAnswers = !engine_->output().empty();
  sendOutput();
  if (result == TlsEngine::Result::kBroken) failOutput(EPROTO);
  const size_t bound = result == TlsEngine::Result::kWantRoom ? 0 : kTooManyAnswers;
  if (hasAnswers && queue_.size() > bound) {
    inputBlocked_ = true;
    applyReading();
  }
  return bytes;
}

void TlsTransport::keepInput(size_t taken, ByteSpan ciphertext) {
  if (taken == ciphertext.size()) {
    unparsed_ = ByteFifo();
  } else if (ciphertext.data() == unparsed_.bytes().data()) {
    unparsed_.consume(taken);
  } else {
    unparsed_ = ByteFifo();
    unparsed_.append(ciphertext.subspan(taken));
  }
}

void TlsTransport::endInput(Status status, int error) {
  inputEnd_ = status;
  inputError_ = error;
  unparsed_ = ByteFifo();
  applyReading();
}

bool TlsTransport::hasBufferedInput() const { return state_ == State::kOpen && hasNews(); }

/// There is something that read() would tell and no descriptor announces.
bool TlsTransport::hasNews() const {
  if (inputEnd_ != Status::kOk) return !endToldByRead_;
  return !inputBlocked_ && engine_->hasInput(unparsed_.bytes());
}

void TlsTransport::updateKick() {
  const bool due = reading_ && hasBufferedInput();
  if (due == kick_.isArmed()) return;
  if (due) {
    kick_.arm(loop_.now());
  } else {
    kick_.cancel();
  }
}

void TlsTransport::setReading(bool enabled) {
  loop_.assertInLoop();
  reading_ = enabled;
  applyReading();
  updateKick();
}

void TlsTransport::applyReading() {
  if (state_ != State::kHandshaking && state_ != State::kOpen) return;
  const bool wanted = reading_ || state_ == State::kHandshaking;
  tcp_->setReading(wanted && inputEnd_ == Status::kOk && !inputBlocked_);
}

// Output.

IoResult TlsTransport::write(const iovec* parts, int count) {
  loop_.assertInLoop();
  if (state_ == State::kClosed) return {0, Status::kClosed, 0};
  flushQueue();
  if (outputEnded_ && outputError_ == 0) return {0, Status::kError, EPIPE};
  if (!established_ || outputError_ != 0 || !queue_.isEmpty()) {
    return {0, outputError_ == 0 ? Status::kWouldBlock : Status::kError, outputError_};
  }
  TlsRecordCutter cutter(parts, count);
  size_t taken = 0;
  for (bool more = true; more && queue_.isEmpty() && outputError_ == 0;) {
    engine_->attach({}, scratch_->output());
    for (size_t inRound = 0; inRound < kRound;) {
      const ByteSpan plain = cutter.next(scratch_->plain());
      more = !plain.empty();
      if (!more) break;
      if (engine_->write(plain) != TlsEngine::Result::kOk) {
        failOutput(EPROTO);
        break;
      }
      inRound += plain.size();
      taken += plain.size();
    }
    sendOutput();
  }
  if (outputError_ != 0) return {0, Status::kError, outputError_};
  return {taken, taken > 0 ? Status::kOk : Status::kWouldBlock, 0};
}

/// Hands what the engine made to the kernel, after anything older.
void TlsTransport::sendOutput() {
  const ByteSpan output = engine_->output();
  if (output.empty() || outputError_ != 0) return;
  flushQueue();
  const size_t sent = queue_.isEmpty() ? sendNow(output) : 0;
  if (outputError_ == 0) queue_.append(output.subspan(sent));
}

void TlsTransport::flushQueue() {
  if (queue_.isEmpty()) return;
  queue_.consume(sendNow(queue_.bytes()));
  if (outputError_ != 0 || !queue_.isEmpty()) return;
  queue_ = ByteFifo();
  if (outputEnded_) tcp_->shutdownWrite();
  if (!std::exchange(inputBlocked_, false)) return;
  applyReading();
  updateKick();
}

/// As much as the kernel takes; watches for room for the rest.
size_t TlsTransport::sendNow(ByteSpan bytes) {
  const iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const IoResult result = tcp_->write(&part, 1);
  if (result.status == Status::kError || result.status == Status::kClosed) {
    failOutput(result.error == 0 ? EPIPE : result.error);
  } else if (result.bytes < bytes.size()) {
    tcp_->watchWritable();
  }
  return result.bytes;
}

void TlsTransport::failOutput(int error) {
  if (outputError_ == 0) outputError_ = error;
  queue_ = ByteFifo();
}

void TlsTransport::onTransportWritable() {
  const bool hadQueue = !queue_.isEmpty();
  flushQueue();
  if (outputError_ != 0 && !writableArmed_ && !reading_) return fail(outputError_);
  if (!writableArmed_ || state_ != State::kOpen || !queue_.isEmpty()) return;
  // What was just sent may have filled the kernel again.
  if (hadQueue && outputError_ == 0) return tcp_->watchWritable();
  writableArmed_ = false;
  up([this] { listener_->onTransportWritable(); });
}

void TlsTransport::watchWritable() {
  loop_.assertInLoop();
  writableArmed_ = true;
  if (state_ == State::kOpen) tcp_->watchWritable();
}

uint64_t TlsTransport::wireBytes(uint64_t bytes) const {
  if (engine_ != nullptr) return engine_->wireBytes(bytes);
  return bytes + (bytes + TlsEngine::kRecord - 1) / TlsEngine::kRecord * TlsEngine::kUsualOverhead;
}

Status TlsTransport::shutdownWrite() {
  loop_.assertInLoop();
  if (!isEstablished() || outputError_ != 0) return Status::kClosed;
  if (outputEnded_) return Status::kOk;
  engine_->attach({}, scratch_->output().first(kAnswerRoom));
  engine_->sayClose();
  sendOutput();
  outputEnded_ = true;
  if (outputError_ != 0) return Status::kError;
  return queue_.isEmpty() ? tcp_->shutdownWrite() : Status::kOk;
}

void TlsTransport::close(bool reset) {
  if (state_ == State::kClosed) return;
  if (!reset && isEstablished() && outputError_ == 0 && !outputEnded_) {
    engine_->attach({}, scratch_->output().first(kAnswerRoom));
    engine_->sayClose();
    sendOutput();
  }
  state_ = State::kClosed;
  deadlineTimer_.cancel();
  kick_.cancel();
  tcp_->close(reset);
  engine_.reset();
  unparsed_ = ByteFifo();
  queue_ = ByteFifo();
}

bool TlsTransport::exportLink(ByteSpan context, LinkSecrets& out) {
  return isEstablished() && engine_->exportLink(context, out);
}

}  // namespace kist
