#pragma once

#include <cerrno>
#include <memory>
#include <utility>

#include "transport/byte_fifo.h"
#include "transport/tcp_transport.h"
#include "transport/tls_engine.h"
#include "transport/tls_identity.h"
#include "transport/tls_scratch.h"

namespace kist {

class TlsRecordCutter;

/// TLS over TCP. States: connecting -> handshaking -> open -> failed or closed; an accepted one starts
/// handshaking, counts as connected (write() says kWouldBlock meanwhile), and a handshake of its that fails
/// shows as input whose read() says kError (EPROTO) or kClosed. A connecting one tells onTransportConnected
/// after the handshake, within the same deadline. Bounds no handshake that a peer began: the control plane
/// does.
///
/// Listens to its TcpTransport. Encrypts and decrypts in the loop's TlsScratch; of its own it holds only the
/// part of a record that is still to come and ciphertext that the kernel did not take, which goes out by
/// itself. While any of that waits, write() takes nothing newer. Never sends a ticket, never renegotiates.
/// Split over tls_transport.cc (states) and tls_transport_io.cc (bytes).
class TlsTransport final : public Transport, private Transport::Listener {
 public:
  /// As TcpTransport::connect().
  static std::unique_ptr<TlsTransport> connect(EventLoop& loop, const SocketAddress& address,
                                               const SocketOptions& options, TimeNs deadline,
                                               const TlsIdentity& identity,
                                               std::shared_ptr<TlsScratch> scratch, Status& status,
                                               int& error);
  /// Takes over an accepted socket, closing it with this object. Shows the certificate that `identity` has
  /// now.
  static std::unique_ptr<TlsTransport> accept(EventLoop& loop, int fd, const SocketOptions& options,
                                              const TlsIdentity& identity,
                                              std::shared_ptr<TlsScratch> scratch);
  ~TlsTransport() override;

  const char* name() const override { return "tls"; }
  Status start(Transport::Listener& listener) override;
  IoResult read(MutableByteSpan into) override;
  IoResult write(const iovec* parts, int count) override;
  uint64_t queuedBytes() const override { return queue_.size(); }
  uint64_t wireBytes(uint64_t bytes) const override;
  bool hasBufferedInput() const override;
  void setReading(bool enabled) override;
  void watchWritable() override;
  int fd() const override { return tcp_->fd(); }
  bool ownTcpInfo(TcpInfo& /*info*/) const override { return false; }
  bool setNotsentLowat(uint32_t bytes) override { return tcp_->setNotsentLowat(bytes); }
  bool exportLink(ByteSpan context, LinkSecrets& out) override;
  Status shutdownWrite() override;
  void close(bool reset) override;

  /// The handshake is done, and the transport not closed.
  bool isEstablished() const { return established_ && state_ == State::kOpen; }

 private:
  enum class State : uint8_t { kConnecting, kHandshaking, kOpen, kFailed, kClosed };

  TlsTransport(EventLoop& loop, std::unique_ptr<TcpTransport> tcp, TlsIdentity::Context context,
               std::shared_ptr<TlsScratch> scratch, bool isConnecting, TimeNs deadline);

  // Transport::Listener, told by TCP.
  void onTransportConnected() override;
  void onTransportReadable() override;
  void onTransportWritable() override;
  void onTransportFailed(int error) override { fail(error); }

  // Upward. Each may be the last thing that happens to this object.
  /// False when the call ended this object.
  template <typename F>
  bool up(F&& call) {
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
  void tellReadable();
  void fail(int error);

  // The handshake.
  bool beginHandshake();
  void continueHandshake(ByteSpan ciphertext);
  void finishHandshake();
  void abandonHandshake();

  // Input.
  ByteSpan receive(size_t most);
  size_t decrypt(ByteSpan ciphertext, MutableByteSpan into);
  void keepInput(size_t taken, ByteSpan ciphertext);
  void endInput(Status status, int error);
  bool hasNews() const;
  void updateKick();
  void applyReading();

  // Output.
  size_t encryptRound(TlsRecordCutter& cutter);
  void sendOutput();
  void flushQueue();
  size_t sendNow(ByteSpan bytes);
  void failOutput(int error);

  EventLoop& loop_;
  const std::unique_ptr<TcpTransport> tcp_;
  TlsIdentity::Context context_;  ///< Until the handshake begins.
  const std::shared_ptr<TlsScratch> scratch_;
  std::unique_ptr<TlsEngine> engine_;
  Transport::Listener* listener_ = nullptr;
  ByteFifo unparsed_;  ///< Ciphertext received: part of a record, or what the reader had no room for.
  ByteFifo queue_;     ///< Ciphertext that the kernel did not take.
  const bool isConnecting_;
  State state_;
  bool established_ = false;
  bool reading_ = true;
  bool writableArmed_ = false;  ///< By our listener; we watch TCP also for the queue.
  bool inputBlocked_ = false;   ///< The peer asks for answers and does not take them: not read until it does.
  bool outputEnded_ = false;
  bool endToldByRead_ = false;
  Status inputEnd_ = Status::kOk;  ///< Else kClosed or kError: no input follows.
  int inputError_ = 0;
  int outputError_ = 0;
  bool* destroyed_ = nullptr;  ///< Set by the destructor when an upward call destroys this object.
  const TimeNs deadline_;
  Timer deadlineTimer_;
  Timer kick_;  ///< Tells in the next turn what no descriptor will.
};

}  // namespace kist
