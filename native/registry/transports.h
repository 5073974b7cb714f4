#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "loop/event_loop.h"
#include "transport/memory_hub.h"
#include "transport/socket.h"
#include "transport/tls_identity.h"
#include "transport/tls_scratch.h"
#include "transport/transport.h"

namespace kist {

/// What a transport is made from; belongs to one reactor and outlives its transports and listeners.
struct TransportContext {
  EventLoop& loop;
  MemoryHub* hub = nullptr;  ///< Null: `memory` is not to be had.
  SocketOptions options = {};
  MemoryOptions memory = {};
  LogSink* log = nullptr;
  std::shared_ptr<TlsIdentity> tls = {};  ///< Null: `tls` is not to be had (kInvalid).
  /// One for all contexts of a reactor. Made by the first `tls` of this context when null.
  std::shared_ptr<TlsScratch> tlsScratch = {};
};

/// Accepts transports of one kind at one address, on its context's loop. Stops when destroyed.
class TransportListener {
 public:
  class Handler {
   public:
    /// Not started yet. `peer` is an address for logs, "" where there is none.
    virtual void onTransportAccepted(std::unique_ptr<Transport> transport, const std::string& peer) = 0;

   protected:
    ~Handler() = default;
  };

  virtual ~TransportListener() = default;
  /// The port that is listened on, also when 0 was asked for.
  virtual uint16_t port() const = 0;
  /// Stops and resumes accepting.
  virtual void setAccepting(bool enabled) = 0;
};

/// One kind of transport. On failure the functions return null with `status` and, where the system gave one,
/// the errno in `error`. `host` is an address literal for transports of the network, any name for `memory`.
struct TransportEntry {
  const char* name;
  bool needsDescriptors;  ///< Does not run on a ManualLoop.
  std::unique_ptr<Transport> (*connect)(TransportContext& context, const std::string& host, uint16_t port,
                                        TimeNs deadline, Status& status, int& error);
  /// Takes over an accepted socket; null (and `fd` stays the caller's) for a kind that has none.
  std::unique_ptr<Transport> (*accept)(TransportContext& context, int fd);
  std::unique_ptr<TransportListener> (*listen)(TransportContext& context, const std::string& host,
                                               uint16_t port, TransportListener::Handler& handler,
                                               Status& status, int& error);
  /// Takes over a listening socket that another thread opened; kUnsupported (and `fd` stays the caller's)
  /// without one.
  std::unique_ptr<TransportListener> (*adoptListening)(TransportContext& context, int fd,
                                                       TransportListener::Handler& handler, Status& status);
};

/// All kinds; a compliance suite runs over them.
std::span<const TransportEntry> transportEntries();
/// Null for an unknown name.
const TransportEntry* findTransport(std::string_view name);

}  // namespace kist
