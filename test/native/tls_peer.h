#pragma once

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "tls_test_identity.h"
#include "transport_rig.h"

namespace kist {

/// The far side of a `tls` transport, made with nothing but OpenSSL: memory BIOs over a socket that is pumped
/// by the test. Counts what passes on the wire.
class TlsPeer {
 public:
  struct Options {
    bool isServer = false;
    int minVersion = TLS1_2_VERSION;
    int maxVersion = TLS1_3_VERSION;
    const char* ciphers = nullptr;      ///< Of TLS 1.2.
    const char* cipherSuite = nullptr;  ///< Of TLS 1.3.
    const char* groups = nullptr;
  };

  /// Owns `fd`, a connected socket that does not block.
  TlsPeer(int fd, const Options& options)
      : fd_(fd), ctx_(SSL_CTX_new(options.isServer ? TLS_server_method() : TLS_client_method())) {
    SSL_CTX_set_security_level(ctx_, 0);
    SSL_CTX_set_min_proto_version(ctx_, options.minVersion);
    SSL_CTX_set_max_proto_version(ctx_, options.maxVersion);
    if (options.ciphers != nullptr) REQUIRE(SSL_CTX_set_cipher_list(ctx_, options.ciphers) == 1);
    if (options.cipherSuite != nullptr) REQUIRE(SSL_CTX_set_ciphersuites(ctx_, options.cipherSuite) == 1);
    if (options.groups != nullptr) REQUIRE(SSL_CTX_set1_groups_list(ctx_, options.groups) == 1);
    if (options.isServer) useCertificate();
    ssl_ = SSL_new(ctx_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_mode(ssl_, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    options.isServer ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  }
  ~TlsPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(ctx_);
    ERR_clear_error();
    if (fd_ >= 0) ::close(fd_);
  }
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  /// Makes records of `bytes`, `record` bytes each, after what is still unsent.
  void send(const std::vector<uint8_t>& bytes, size_t record = 16384) {
    for (size_t sent = 0; sent < bytes.size(); sent += record) {
      const int count = static_cast<int>(std::min(record, bytes.size() - sent));
      REQUIRE(SSL_write(ssl_, bytes.data() + sent, count) == count);
    }
  }
  void sendRaw(ByteSpan bytes) { BIO_write(out_, bytes.data(), static_cast<int>(bytes.size())); }
  void sayClose() { SSL_shutdown(ssl_); }

  /// What the socket has goes in, what TLS made goes out, as far as the socket goes.
  void pump() {
    if (fd_ < 0) return;
    if (reads) takeFromSocket();
    ERR_clear_error();
    if (!handshaken && error == 0) {
      const int result = SSL_do_handshake(ssl_);
      handshaken = result == 1;
      if (result != 1) noteError(result);
    }
    if (handshaken && reads) readAll();
    giveToSocket();
  }
  void drop() {
    ::close(fd_);
    fd_ = -1;
  }
  /// Nothing made is still unsent.
  bool isFlushed() { return unsent_.empty() && BIO_pending(out_) == 0; }

  SSL* ssl() { return ssl_; }
  int fd() const { return fd_; }

  bool reads = true;
  bool handshaken = false;
  bool ended = false;   ///< close_notify came.
  bool hungUp = false;  ///< TCP ended.
  int error = 0;        ///< SSL_ERROR_SSL and its like.
  unsigned long reason = 0;
  uint64_t wireIn = 0, wireOut = 0;
  std::vector<uint8_t> received;

 private:
  void useCertificate() {
    const TestCertificate made = makeTestCertificate();
    const uint8_t* at = made.certificate.data();
    X509* x509 = d2i_X509(nullptr, &at, static_cast<long>(made.certificate.size()));
    at = made.key.data();
    EVP_PKEY* key = d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(made.key.size()));
    REQUIRE(SSL_CTX_use_certificate(ctx_, x509) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(ctx_, key) == 1);
    X509_free(x509);
    EVP_PKEY_free(key);
  }

  void takeFromSocket() {
    uint8_t bytes[32 * 1024];
    ssize_t count;
    while ((count = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
      wireIn += static_cast<uint64_t>(count);
      BIO_write(in_, bytes, static_cast<int>(count));
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) hungUp = true;
  }

  void readAll() {
    uint8_t bytes[16 * 1024];
    int count;
    while ((count = SSL_read(ssl_, bytes, sizeof bytes)) > 0) {
      received.insert(received.end(), bytes, bytes + count);
    }
    noteError(count);
  }

  void noteError(int result) {
    const int code = SSL_get_error(ssl_, result);
    if (code == SSL_ERROR_ZERO_RETURN) ended = true;
    if (code == SSL_ERROR_SSL || code == SSL_ERROR_SYSCALL) error = code, reason = ERR_peek_error();
    ERR_clear_error();
  }

  void giveToSocket() {
    uint8_t bytes[32 * 1024];
    int made;
    while ((made = BIO_read(out_, bytes, sizeof bytes)) > 0)
      unsent_.insert(unsent_.end(), bytes, bytes + made);
    while (!unsent_.empty()) {
      const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent <= 0) return;
      wireOut += static_cast<uint64_t>(sent);
      unsent_.erase(unsent_.begin(), unsent_.begin() + sent);
    }
  }

  int fd_;
  SSL_CTX* ctx_;
  SSL* ssl_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
  std::vector<uint8_t> unsent_;
};

/// A `tls` transport against a TlsPeer: the transport is `end()`, accepted or connecting.
class TlsPeerRig : public TransportRig {
 public:
  explicit TlsPeerRig(const SocketOptions& options = {}) : TransportRig(*findTransport("tls"), options, {}) {}
  ~TlsPeerRig() {
    if (listening_ >= 0) ::close(listening_);
  }

  /// The transport accepts; the handshake is still to come.
  void acceptPeer(const TlsPeer::Options& options, const SocketOptions& socket = {}) {
    listen();
    int fd = -1;
    int error = 0;
    SocketAddress address;
    REQUIRE(isOk(SocketAddress::parse("127.0.0.1", listener->port(), address)));
    REQUIRE(isOk(openStream(AF_INET, socket, fd, error)));
    REQUIRE(isOk(beginConnect(fd, address, error)));
    peer = std::make_unique<TlsPeer>(fd, options);
    REQUIRE(until([&] { return server.hasTransport(); }));
    end_ = &server;
  }
  /// The transport connects to a peer that is a server.
  void connectToPeer(TlsPeer::Options options, TimeNs deadline = kNever, const SocketOptions& socket = {}) {
    options.isServer = true;
    openListener(socket);
    Status status = Status::kOk;
    int error = 0;
    SocketAddress address;
    REQUIRE(isOk(localAddress(listening_, address)));
    client.take(
        findTransport("tls")->connect(context(), "127.0.0.1", address.port(), deadline, status, error));
    REQUIRE(client.hasTransport());
    REQUIRE(isOk(client.start()));
    int fd = -1;
    REQUIRE(until([&] { return (fd = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; }));
    peer = std::make_unique<TlsPeer>(fd, options);
    end_ = &client;
  }
  /// Both ways in turn, for tests that want the same of both.
  void makeEnd(bool accepting, const TlsPeer::Options& options) {
    accepting ? acceptPeer(options) : connectToPeer(options);
  }
  void shakeHands() {
    REQUIRE(pumpUntil([&] { return peer->handshaken && transport().isEstablished(); }));
  }
  /// Pumps the peer and turns the loop until `condition`.
  bool pumpUntil(const std::function<bool()>& condition, int most = 3000) {
    return until([&] { return peer->pump(), condition(); }, most);
  }

  TransportProbe& end() { return *end_; }
  TlsTransport& transport() { return static_cast<TlsTransport&>(end_->transport()); }

  std::unique_ptr<TlsPeer> peer;

 private:
  void openListener(const SocketOptions& options) {
    int error = 0;
    SocketAddress any;
    REQUIRE(isOk(SocketAddress::parse("127.0.0.1", 0, any)));
    REQUIRE(isOk(openListening(any, options, listening_, error)));
  }

  TransportProbe* end_ = nullptr;
  int listening_ = -1;
};

}  // namespace kist
