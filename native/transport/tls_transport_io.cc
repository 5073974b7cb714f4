// How a TlsTransport moves bytes: ciphertext in, decrypted; plaintext out, encrypted; and what waits.

#include <algorithm>
#include <utility>

#include "transport/tls_record_cutter.h"
#include "transport/tls_transport.h"

namespace kist {

namespace {

/// Plaintext encrypted before it is sent; what the kernel then leaves is queued, so this bounds the queue.
constexpr size_t kRound = 4 * TlsEngine::kRecord;
/// Above what write() can leave queued: only answers to a peer that does not take them get here.
constexpr size_t kTooManyAnswers = 128 * 1024;

}  // namespace

// Input.

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
  engine_->attach(ciphertext, scratch_->answers());
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
  while (queue_.isEmpty() && outputError_ == 0) {
    const size_t inRound = encryptRound(cutter);
    if (inRound == 0) break;
    taken += inRound;
    sendOutput();
  }
  if (outputError_ != 0) return {0, Status::kError, outputError_};
  return {taken, taken > 0 ? Status::kOk : Status::kWouldBlock, 0};
}

/// Makes records of the next kRound bytes; says how many bytes there were.
size_t TlsTransport::encryptRound(TlsRecordCutter& cutter) {
  size_t taken = 0;
  engine_->attach({}, scratch_->output());
  while (taken < kRound) {
    const ByteSpan plain = cutter.next(scratch_->plain());
    if (plain.empty()) break;
    if (engine_->write(plain) != TlsEngine::Result::kOk) {
      failOutput(EPROTO);
      break;
    }
    taken += plain.size();
  }
  return taken;
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

}  // namespace kist
