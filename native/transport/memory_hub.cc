#include "transport/memory_hub.h"

namespace kist {

Status MemoryHub::listen(const std::string& host, uint16_t& port, EventLoop& loop, Listener& listener) {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint32_t chosen = port;
  if (port == 0) {
    for (chosen = 1; receivers_.contains({host, static_cast<uint16_t>(chosen)}); ++chosen) {
      if (chosen == UINT16_MAX) return Status::kExhausted;
    }
  }
  const Address address(host, static_cast<uint16_t>(chosen));
  if (receivers_.contains(address)) return Status::kInUse;
  auto receiver = std::make_shared<Receiver>();
  receiver->loop = &loop;
  receiver->listener = &listener;
  receivers_.emplace(address, std::move(receiver));
  port = address.second;
  return Status::kOk;
}

void MemoryHub::unlisten(const std::string& host, uint16_t port) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = receivers_.find({host, port});
  if (found == receivers_.end()) return;
  found->second->loop->assertInLoop();
  found->second->listener = nullptr;
  receivers_.erase(found);
}

std::unique_ptr<MemoryTransport> MemoryHub::connect(EventLoop& loop, const std::string& host, uint16_t port,
                                                    const MemoryOptions& options) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = receivers_.find({host, port});
  if (found == receivers_.end()) return nullptr;
  const std::shared_ptr<Receiver> receiver = found->second;
  MemoryTransport::Pair ends = MemoryTransport::pair(loop, *receiver->loop, options);
  // A task must be copyable, so the end travels in a shared box.
  auto box = std::make_shared<std::unique_ptr<MemoryTransport>>(std::move(ends.second));
  receiver->loop->post([receiver, box] {
    if (receiver->listener != nullptr) receiver->listener->onMemoryAccepted(std::move(*box));
    box->reset();
  });
  return std::move(ends.first);
}

}  // namespace kist
