#include "base/chunk_buffer.h"

#include <algorithm>

#include "base/assert.h"

namespace kist {

ChunkPool::~ChunkPool() {
  KIST_ASSERT(inUse_ == 0);
  while (free_ != nullptr) {
    Chunk* chunk = free_;
    free_ = chunk->next;
    delete chunk;
  }
}

ChunkPool::Chunk* ChunkPool::get() {
  ++inUse_;
  if (free_ == nullptr) return new Chunk;  // Without (): the bytes need no zeroes.
  Chunk* chunk = free_;
  free_ = chunk->next;
  --freeCount_;
  chunk->next = nullptr;
  chunk->begin = chunk->end = 0;
  return chunk;
}

void ChunkPool::put(Chunk* chunk) {
  --inUse_;
  if (freeCount_ >= maxFree_) {
    delete chunk;
    return;
  }
  chunk->next = free_;
  free_ = chunk;
  ++freeCount_;
}

uint8_t* ChunkBuffer::reserve(size_t count) { return reserveSome(count).data(); }

MutableByteSpan ChunkBuffer::reserveSome(size_t atLeast) {
  KIST_ASSERT(atLeast <= kMaxReserve);
  if (tail_ == nullptr || tail_->room() < std::max<size_t>(atLeast, 1)) addChunk();
  return {tail_->bytes + tail_->end, tail_->room()};
}

void ChunkBuffer::commit(size_t count) {
  if (tail_ == nullptr) {
    KIST_ASSERT(count == 0);
    return;
  }
  KIST_ASSERT(count <= tail_->room());
  tail_->end += static_cast<uint32_t>(count);
  size_ += count;
  if (size_ == 0) clear();
}

void ChunkBuffer::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->room() == 0) addChunk();
    const size_t count = std::min<size_t>(bytes.size(), tail_->room());
    std::memcpy(tail_->bytes + tail_->end, bytes.data(), count);
    tail_->end += static_cast<uint32_t>(count);
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

int ChunkBuffer::peek(iovec* parts, int max) const {
  int used = 0;
  for (ChunkPool::Chunk* chunk = head_; chunk != nullptr && used < max; chunk = chunk->next) {
    if (chunk->size() == 0) continue;
    parts[used].iov_base = chunk->bytes + chunk->begin;
    parts[used].iov_len = chunk->size();
    ++used;
  }
  return used;
}

bool ChunkBuffer::copyOut(MutableByteSpan into) const {
  if (into.size() > size_) return false;
  size_t copied = 0;
  for (const ChunkPool::Chunk* chunk = head_; copied < into.size(); chunk = chunk->next) {
    const size_t count = std::min<size_t>(chunk->size(), into.size() - copied);
    std::memcpy(into.data() + copied, chunk->bytes + chunk->begin, count);
    copied += count;
  }
  return true;
}

ByteSpan ChunkBuffer::front() const {
  if (size_ == 0) return {};
  const ChunkPool::Chunk* chunk = head_;
  while (chunk->size() == 0) chunk = chunk->next;
  return {chunk->bytes + chunk->begin, chunk->size()};
}

void ChunkBuffer::consume(size_t count) {
  KIST_ASSERT(count <= size_);
  size_ -= count;
  while (count > 0) {
    const size_t taken = std::min<size_t>(count, head_->size());
    head_->begin += static_cast<uint32_t>(taken);
    count -= taken;
    if (head_->size() == 0) dropFront();
  }
  if (size_ == 0) clear();
}

void ChunkBuffer::clear() {
  while (head_ != nullptr) dropFront();
  size_ = 0;
}

void ChunkBuffer::addChunk() {
  ChunkPool::Chunk* chunk = pool_.get();
  if (tail_ == nullptr) {
    head_ = chunk;
  } else {
    tail_->next = chunk;
  }
  tail_ = chunk;
}

void ChunkBuffer::dropFront() {
  ChunkPool::Chunk* chunk = head_;
  head_ = chunk->next;
  if (head_ == nullptr) tail_ = nullptr;
  pool_.put(chunk);
}

}  // namespace kist
