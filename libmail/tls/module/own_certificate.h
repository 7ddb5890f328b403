// tubepost_tls::make_certificate.
#pragma once

#include <cstddef>

namespace mail::tls {

int make_certificate(const char* host, char* certificate, std::size_t certificate_size, char* key,
                     std::size_t key_size, char* why, std::size_t why_size);

}  // namespace mail::tls
