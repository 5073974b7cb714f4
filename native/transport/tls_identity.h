#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

struct ssl_ctx_st;

namespace kist {

/// The certificate and private key that `tls` shows as accepting end, and the settings of both ends: TLS 1.2
/// and 1.3, AEAD ciphers, no renegotiation, no resumption, nothing verified (Tor proves identity in CERTS).
/// Made and replaced by the control plane, used by every reactor: thread-safe. Connections keep what they
/// started with.
class TlsIdentity {
 public:
  using Context = std::shared_ptr<ssl_ctx_st>;

  /// `certificateDer` is an X.509 certificate, `privateKeyDer` its key as PKCS #8. Null with `status`
  /// kInvalid (unreadable, or the two do not belong together) or kError and a sentence in `error`.
  static std::shared_ptr<TlsIdentity> make(ByteSpan certificateDer, ByteSpan privateKeyDer, Status& status,
                                           std::string& error);
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  /// What is accepted from now on shows this certificate. The old one stays when this fails.
  Status replace(ByteSpan certificateDer, ByteSpan privateKeyDer, std::string& error);

  Context serverContext() const;
  /// Without certificate.
  Context clientContext() const { return client_; }

 private:
  TlsIdentity(Context server, Context client) : client_(std::move(client)), server_(std::move(server)) {}

  const Context client_;
  mutable std::mutex mutex_;
  Context server_;  ///< Under mutex_.
};

}  // namespace kist
