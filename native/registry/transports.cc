#include "registry/transports.h"

#include <unistd.h>

#include <cerrno>

#include "transport/acceptor.h"
#include "transport/tcp_transport.h"
#include "transport/tls_transport.h"

namespace kist {

namespace {

using AcceptFunction = std::unique_ptr<Transport> (*)(TransportContext& context, int fd);

/// Listens on TCP for a transport that begins on an accepted socket.
class SocketListener final : public TransportListener, private Acceptor::Listener {
 public:
  SocketListener(TransportContext& context, AcceptFunction accept, int fd, Handler& handler)
      : context_(context),
        accept_(accept),
        handler_(handler),
        acceptor_(context.loop, fd, *this, context.log) {}
  Status start() { return acceptor_.start(); }
  uint16_t port() const override { return acceptor_.address().port(); }
  void setAccepting(bool enabled) override { acceptor_.setAccepting(enabled); }

 private:
  void onAccepted(int fd, const SocketAddress& peer) override {
    handler_.onTransportAccepted(accept_(context_, fd), peer.toString());
  }

  TransportContext& context_;
  const AcceptFunction accept_;
  Handler& handler_;
  Acceptor acceptor_;
};

std::unique_ptr<TransportListener> adoptSocket(TransportContext& context, AcceptFunction accept, int fd,
                                               TransportListener::Handler& handler, Status& status) {
  auto listener = std::make_unique<SocketListener>(context, accept, fd, handler);
  status = listener->start();
  if (!isOk(status)) return nullptr;
  return listener;
}

std::unique_ptr<TransportListener> listenSocket(TransportContext& context, AcceptFunction accept,
                                                const std::string& host, uint16_t port,
                                                TransportListener::Handler& handler, Status& status,
                                                int& error) {
  error = 0;
  SocketAddress address;
  status = SocketAddress::parse(host, port, address);
  if (!isOk(status)) return nullptr;
  int fd = -1;
  status = openListening(address, context.options, fd, error);
  if (!isOk(status)) return nullptr;
  return adoptSocket(context, accept, fd, handler, status);
}

std::unique_ptr<Transport> connectTcp(TransportContext& context, const std::string& host, uint16_t port,
                                      TimeNs deadline, Status& status, int& error) {
  error = 0;
  SocketAddress address;
  status = SocketAddress::parse(host, port, address);
  if (!isOk(status)) return nullptr;
  return TcpTransport::connect(context.loop, address, context.options, deadline, status, error);
}

std::unique_ptr<Transport> acceptTcp(TransportContext& context, int fd) {
  return TcpTransport::accept(context.loop, fd, context.options);
}

std::unique_ptr<TransportListener> adoptTcp(TransportContext& context, int fd,
                                            TransportListener::Handler& handler, Status& status) {
  return adoptSocket(context, acceptTcp, fd, handler, status);
}

std::unique_ptr<TransportListener> listenTcp(TransportContext& context, const std::string& host,
                                             uint16_t port, TransportListener::Handler& handler,
                                             Status& status, int& error) {
  return listenSocket(context, acceptTcp, host, port, handler, status, error);
}

/// False without an identity.
bool prepareTls(TransportContext& context, Status& status) {
  if (context.tlsScratch == nullptr) context.tlsScratch = std::make_shared<TlsScratch>();
  status = context.tls == nullptr ? Status::kInvalid : Status::kOk;
  return isOk(status);
}

std::unique_ptr<Transport> connectTls(TransportContext& context, const std::string& host, uint16_t port,
                                      TimeNs deadline, Status& status, int& error) {
  error = 0;
  if (!prepareTls(context, status)) return nullptr;
  SocketAddress address;
  status = SocketAddress::parse(host, port, address);
  if (!isOk(status)) return nullptr;
  return TlsTransport::connect(context.loop, address, context.options, deadline, *context.tls,
                               context.tlsScratch, status, error);
}

std::unique_ptr<Transport> acceptTls(TransportContext& context, int fd) {
  Status status = Status::kOk;
  if (!prepareTls(context, status)) return nullptr;
  return TlsTransport::accept(context.loop, fd, context.options, *context.tls, context.tlsScratch);
}

std::unique_ptr<TransportListener> adoptTls(TransportContext& context, int fd,
                                            TransportListener::Handler& handler, Status& status) {
  if (!prepareTls(context, status)) return nullptr;
  return adoptSocket(context, acceptTls, fd, handler, status);
}

std::unique_ptr<TransportListener> listenTls(TransportContext& context, const std::string& host,
                                             uint16_t port, TransportListener::Handler& handler,
                                             Status& status, int& error) {
  error = 0;
  if (!prepareTls(context, status)) return nullptr;
  return listenSocket(context, acceptTls, host, port, handler, status, error);
}

class MemoryListener final : public TransportListener, private MemoryHub::Listener {
 public:
  MemoryListener(MemoryHub& hub, std::string host, Handler& handler)
      : hub_(hub), host_(std::move(host)), handler_(handler) {}
  ~MemoryListener() override {
    if (port_ != 0) hub_.unlisten(host_, port_);
  }
  Status start(EventLoop& loop, uint16_t port) {
    const Status status = hub_.listen(host_, port, loop, *this);
    if (isOk(status)) port_ = port;
    return status;
  }
  uint16_t port() const override { return port_; }
  void setAccepting(bool enabled) override { accepting_ = enabled; }

 private:
  /// There is no backlog to wait in: what comes while not accepting is closed.
  void onMemoryAccepted(std::unique_ptr<MemoryTransport> transport) override {
    if (accepting_) handler_.onTransportAccepted(std::move(transport), "");
  }

  MemoryHub& hub_;
  const std::string host_;
  Handler& handler_;
  uint16_t port_ = 0;
  bool accepting_ = true;
};

std::unique_ptr<Transport> connectMemory(TransportContext& context, const std::string& host, uint16_t port,
                                         TimeNs /*deadline*/, Status& status, int& error) {
  error = 0;
  status = context.hub == nullptr ? Status::kUnsupported : Status::kOk;
  if (!isOk(status)) return nullptr;
  std::unique_ptr<Transport> transport = context.hub->connect(context.loop, host, port, context.memory);
  if (transport == nullptr) {
    status = Status::kError;
    error = ECONNREFUSED;
  }
  return transport;
}

std::unique_ptr<Transport> acceptNothing(TransportContext& /*context*/, int /*fd*/) { return nullptr; }

std::unique_ptr<TransportListener> listenMemory(TransportContext& context, const std::string& host,
                                                uint16_t port, TransportListener::Handler& handler,
                                                Status& status, int& error) {
  error = 0;
  status = context.hub == nullptr ? Status::kUnsupported : Status::kOk;
  if (!isOk(status)) return nullptr;
  auto listener = std::make_unique<MemoryListener>(*context.hub, host, handler);
  status = listener->start(context.loop, port);
  if (!isOk(status)) return nullptr;
  return listener;
}

std::unique_ptr<TransportListener> adoptNothing(TransportContext& /*context*/, int /*fd*/,
                                                TransportListener::Handler& /*handler*/, Status& status) {
  status = Status::kUnsupported;
  return nullptr;
}

constexpr TransportEntry kEntries[] = {
    {"tcp", true, connectTcp, acceptTcp, listenTcp, adoptTcp},
    {"tls", true, connectTls, acceptTls, listenTls, adoptTls},
    {"memory", false, connectMemory, acceptNothing, listenMemory, adoptNothing},
};

}  // namespace

std::span<const TransportEntry> transportEntries() { return kEntries; }

const TransportEntry* findTransport(std::string_view name) {
  for (const TransportEntry& entry : kEntries) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace kist
