#include "shared_mailbox.h"

#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace synod {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

SharedMailbox::~SharedMailbox() {
  if (bytes_ != nullptr) munmap(bytes_, kMailboxData + capacity_);
  if (fd_ >= 0) close(fd_);
}

int SharedMailbox::create(uint64_t capacity) {
  capacity_ = capacity;
  fd_ = memfd_create("synod-mailbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd_ < 0) return -errno;
  const off_t size = static_cast<off_t>(kMailboxData + capacity);
  if (ftruncate(fd_, size) != 0) return -errno;
  // Pages are taken now: without room they would be a SIGBUS in the middle of a copy.
  const int rc = posix_fallocate(fd_, 0, size);
  if (rc != 0) return -rc;
  if (fcntl(fd_, F_ADD_SEALS, kSeals) != 0) return -errno;
  if (map(fd_) != 0) return -errno;
  if (getrandom(nonce_.bytes, sizeof nonce_.bytes, 0) != sizeof nonce_.bytes) return -EIO;
  const MailboxHead head{kMailboxMagic, capacity, nonce_};
  memcpy(bytes_, &head, sizeof head);
  return 0;
}

int SharedMailbox::attach(int pid, int fd, const Nonce& nonce, uint64_t capacity) {
  capacity_ = capacity;
  nonce_ = nonce;
  const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return -errno;
  struct stat about {};
  const int seals = fcntl(file, F_GET_SEALS);
  const bool isSealed = seals >= 0 && (seals & kSeals) == kSeals;
  const bool isWhole = fstat(file, &about) == 0 && about.st_size == static_cast<off_t>(kMailboxData + capacity);
  const int rc = isSealed && isWhole ? map(file) : -EPROTO;
  close(file);
  if (rc != 0) return rc;
  const MailboxHead wanted{kMailboxMagic, capacity, nonce};
  return memcmp(bytes_, &wanted, sizeof wanted) == 0 ? 0 : -EPROTO;
}

int SharedMailbox::map(int fd) {
  void* at = mmap(nullptr, kMailboxData + capacity_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (at == MAP_FAILED) return -errno;
  bytes_ = static_cast<uint8_t*>(at);
  return 0;
}

}  // namespace synod
