#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "transport/memory_transport.h"

namespace kist {

/// Where memory transports meet: listening ends by host and port. Owned by the data plane, so that each plane
/// is a world of its own. Any thread. Must outlive the loops whose listeners it knows.
class MemoryHub {
 public:
  class Listener {
   public:
    /// On the listener's own loop.
    virtual void onMemoryAccepted(std::unique_ptr<MemoryTransport> transport) = 0;

   protected:
    ~Listener() = default;
  };

  /// Port 0 takes a free one and stores it. kInUse, kExhausted.
  Status listen(const std::string& host, uint16_t& port, EventLoop& loop, Listener& listener);
  /// On the listener's loop; no call follows, and ends not yet handed over are closed.
  void unlisten(const std::string& host, uint16_t port);
  /// The connecting end, bound to `loop`; null when nobody listens.
  std::unique_ptr<MemoryTransport> connect(EventLoop& loop, const std::string& host, uint16_t port,
                                           const MemoryOptions& options);

 private:
  /// Outlives the entry in tasks that are still posted; `listener` is touched on the listener's loop alone.
  struct Receiver {
    EventLoop* loop = nullptr;
    Listener* listener = nullptr;
  };
  using Address = std::pair<std::string, uint16_t>;

  std::mutex mutex_;
  std::map<Address, std::shared_ptr<Receiver>> receivers_;
};

}  // namespace kist
