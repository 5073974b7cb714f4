#pragma once

#include <sys/uio.h>

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"
#include "tcpinfo/tcp_info_source.h"
#include "transport/link_secrets.h"

namespace kist {

/// Outcome of one read or write.
struct IoResult {
  size_t bytes = 0;
  /// kOk (bytes > 0), kWouldBlock (nothing now), kClosed (read: the far side ended), kError (errno in
  /// `error`).
  Status status = Status::kOk;
  int error = 0;
};

/// A byte carrier under a channel: `tcp`, `tls`, `memory`, later `utp`. Knows no cells. Loop-bound.
/// Bytes accepted by write() are delivered in order or the transport closes. A transport that encrypts or
/// frames keeps accepted bytes that the kernel did not take yet: queuedBytes() counts them, and they go out
/// before anything newer. To add one: native/transport/<name>_transport.{h,cc} and a line in
/// native/registry/transports.cc.
class Transport {
 public:
  /// Upward calls; never made from inside a call downward, only from the loop.
  class Listener {
   public:
    /// A connecting transport only; an accepted one is connected when it starts.
    virtual void onTransportConnected() = 0;
    /// Repeated every turn while reading is enabled and input (also an end or an error, which read() tells)
    /// is there.
    virtual void onTransportReadable() = 0;
    /// Once after each watchWritable().
    virtual void onTransportWritable() = 0;
    /// Connecting failed, or an error outside read and write. No call follows.
    virtual void onTransportFailed(int error) = 0;

   protected:
    ~Listener() = default;
  };

  virtual ~Transport() = default;
  virtual const char* name() const = 0;
  /// Begins to deliver events. Reading starts enabled.
  virtual Status start(Listener& listener) = 0;

  /// kClosed may come more than once. While connecting, read and write say kWouldBlock.
  virtual IoResult read(MutableByteSpan into) = 0;
  /// Takes as much of `parts` as it can at once.
  virtual IoResult write(const iovec* parts, int count) = 0;
  /// Accepted by us and not yet by the kernel (ciphertext too), in wire bytes.
  virtual uint64_t queuedBytes() const = 0;
  /// What `bytes` more bytes cost on the wire, records included.
  virtual uint64_t wireBytes(uint64_t bytes) const = 0;
  /// Decoded input that no descriptor event will announce.
  virtual bool hasBufferedInput() const = 0;

  virtual void setReading(bool enabled) = 0;
  /// One onTransportWritable() when the transport can take more (TCP_NOTSENT_LOWAT counts). Arming twice is
  /// once.
  virtual void watchWritable() = 0;

  /// The kernel's descriptor for TCP_INFO, or fd -1 where there is none.
  virtual int fd() const = 0;
  /// True when this transport answers for itself (µTP, simulated); fills `info`.
  virtual bool ownTcpInfo(TcpInfo& info) const = 0;
  /// Writability is announced when fewer than `bytes` / 2 are unsent; writes stop at `bytes`. False: not
  /// supported.
  virtual bool setNotsentLowat(uint32_t bytes) = 0;

  /// What a link handshake binds to this transport; `context` is the exporter's (RFC 5705). False: not
  /// encrypted, or its own handshake is not done.
  virtual bool exportLink(ByteSpan /*context*/, LinkSecrets& /*out*/) { return false; }

  /// Ends our direction after what was written; reading goes on. kUnsupported, kClosed, kError.
  virtual Status shutdownWrite() { return Status::kUnsupported; }
  /// Idempotent; no event follows. `reset` discards what was not sent.
  virtual void close(bool reset) = 0;
};

}  // namespace kist
