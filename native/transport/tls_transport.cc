#include "transport/tls_transport.h"

#include <utility>

namespace kist {

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
  engine_->attach(ciphertext, scratch_->answers());
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

void TlsTransport::onTransportReadable() {
  if (state_ != State::kHandshaking) return tellReadable();
  const ByteSpan ciphertext = receive(TlsEngine::kMaxWireRecord);
  if (inputEnd_ != Status::kOk) return abandonHandshake();
  if (!ciphertext.empty()) continueHandshake(ciphertext);
}

uint64_t TlsTransport::wireBytes(uint64_t bytes) const {
  if (engine_ != nullptr) return engine_->wireBytes(bytes);
  return bytes + (bytes + TlsEngine::kRecord - 1) / TlsEngine::kRecord * TlsEngine::kUsualOverhead;
}

Status TlsTransport::shutdownWrite() {
  loop_.assertInLoop();
  if (!isEstablished() || outputError_ != 0) return Status::kClosed;
  if (outputEnded_) return Status::kOk;
  engine_->attach({}, scratch_->answers());
  engine_->sayClose();
  sendOutput();
  outputEnded_ = true;
  if (outputError_ != 0) return Status::kError;
  return queue_.isEmpty() ? tcp_->shutdownWrite() : Status::kOk;
}

void TlsTransport::close(bool reset) {
  if (state_ == State::kClosed) return;
  if (!reset && isEstablished() && outputError_ == 0 && !outputEnded_) {
    engine_->attach({}, scratch_->answers());
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
