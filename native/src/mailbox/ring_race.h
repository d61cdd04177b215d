// Bench of the bare ring: two threads, one per core where there are two, that do nothing but poll mailboxes.
#pragma once

namespace synod {

double ringRoundTripNs(int length, int rounds);
double ringStreamNs(int length, int bursts);

}  // namespace synod
