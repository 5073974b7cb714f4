#pragma once

#include <memory>

#include "transport/tcp_transport.h"

namespace kist {

class Stream;

/// The socket of an exit stream: passes transport events on with the stream they belong to.
class ExitSocket final : public Transport::Listener {
 public:
  class Listener {
   public:
    virtual void onSocketConnected(Stream& stream) = 0;
    virtual void onSocketReadable(Stream& stream) = 0;
    virtual void onSocketWritable(Stream& stream) = 0;
    virtual void onSocketFailed(Stream& stream, int error) = 0;

   protected:
    ~Listener() = default;
  };

  ExitSocket(Listener& listener, Stream& stream, std::unique_ptr<TcpTransport> transport)
      : listener_(listener), stream_(stream), transport_(std::move(transport)) {}
  ~ExitSocket() { transport_->close(false); }

  TcpTransport& transport() { return *transport_; }

  void onTransportConnected() override { listener_.onSocketConnected(stream_); }
  void onTransportReadable() override { listener_.onSocketReadable(stream_); }
  void onTransportWritable() override { listener_.onSocketWritable(stream_); }
  void onTransportFailed(int error) override { listener_.onSocketFailed(stream_, error); }

 private:
  Listener& listener_;
  Stream& stream_;
  std::unique_ptr<TcpTransport> transport_;
};

}  // namespace kist
