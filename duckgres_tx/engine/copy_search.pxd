"""Where the next byte stands that COPY's formats give a meaning to: sixteen bytes at a time. No GIL.

Reads up to 15 bytes behind the end, a scan up to 63, which have to be there.
"""

from libc.stdint cimport uint64_t


# A search for one of four bytes that goes on where it was: what was found out about 64 bytes serves all fields in them.
cdef struct Scan:
    char wanted[4][16]
    # NULL: nothing is known.
    const char *block
    # Bit by bit: whether the byte is one of the four.
    uint64_t found


cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    /* The first byte below 0x20, or equal to one of the two; or the end. */
    static inline const char *duckgres_find_control(const char *at, const char *end, char one, char other) {
        const __m128i ones = _mm_set1_epi8(one), others = _mm_set1_epi8(other);
        const __m128i highest = _mm_set1_epi8(0x1f);
        while (at < end) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            __m128i found = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest), bytes);
            found = _mm_or_si128(found, _mm_or_si128(_mm_cmpeq_epi8(bytes, ones), _mm_cmpeq_epi8(bytes, others)));
            int mask = _mm_movemask_epi8(found);
            if (mask) {
                at += __builtin_ctz(mask);
                return at < end ? at : end;
            }
            at += 16;
        }
        return end;
    }
    /* The first byte that is one of the four; or the end. */
    static inline const char *duckgres_find_any(const char *at, const char *end, char a, char b, char c, char d) {
        const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b), cs = _mm_set1_epi8(c), ds = _mm_set1_epi8(d);
        while (at < end) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            __m128i found = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(bytes, as), _mm_cmpeq_epi8(bytes, bs)),
                _mm_or_si128(_mm_cmpeq_epi8(bytes, cs), _mm_cmpeq_epi8(bytes, ds)));
            int mask = _mm_movemask_epi8(found);
            if (mask) {
                at += __builtin_ctz(mask);
                return at < end ? at : end;
            }
            at += 16;
        }
        return end;
    }
    static inline unsigned long long duckgres_find_in_block(const char *block, const char (*wanted)[16]) {
        const __m128i a = _mm_loadu_si128((const __m128i *)wanted[0]), b = _mm_loadu_si128((const __m128i *)wanted[1]);
        const __m128i c = _mm_loadu_si128((const __m128i *)wanted[2]), d = _mm_loadu_si128((const __m128i *)wanted[3]);
        unsigned long long found = 0;
        for (int part = 0; part < 4; part++) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(block + 16 * part));
            __m128i equal = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b)),
                _mm_or_si128(_mm_cmpeq_epi8(bytes, c), _mm_cmpeq_epi8(bytes, d)));
            found |= (unsigned long long)(unsigned)_mm_movemask_epi8(equal) << (16 * part);
        }
        return found;
    }
    /* Whether all bytes are ASCII, and none is NUL. */
    static inline int duckgres_all_plain(const char *at, const char *end) {
        __m128i zero = _mm_setzero_si128(), bad = _mm_setzero_si128();
        for (; end - at >= 16; at += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            /* As signed bytes, those that are not above zero. */
            bad = _mm_or_si128(bad, _mm_cmpeq_epi8(_mm_cmpgt_epi8(bytes, zero), zero));
        }
        if (_mm_movemask_epi8(bad)) return 0;
        for (; at < end; at++) if (*(const signed char *)at <= 0) return 0;
        return 1;
    }
    #else
    static inline const char *duckgres_find_control(const char *at, const char *end, char one, char other) {
        while (at < end && (unsigned char)*at >= 0x20 && *at != one && *at != other) at++;
        return at;
    }
    static inline const char *duckgres_find_any(const char *at, const char *end, char a, char b, char c, char d) {
        while (at < end && *at != a && *at != b && *at != c && *at != d) at++;
        return at;
    }
    static inline unsigned long long duckgres_find_in_block(const char *block, const char (*wanted)[16]) {
        unsigned long long found = 0;
        for (int at = 0; at < 64; at++) {
            char byte = block[at];
            found |= (unsigned long long)(
                byte == *wanted[0] || byte == *wanted[1] || byte == *wanted[2] || byte == *wanted[3]) << at;
        }
        return found;
    }
    static inline int duckgres_all_plain(const char *at, const char *end) {
        for (; at < end; at++) if (*(const signed char *)at <= 0) return 0;
        return 1;
    }
    #endif
    """
    uint64_t find_in_block "duckgres_find_in_block"(const char *block, const char wanted[4][16]) noexcept nogil
    int lowest_bit "__builtin_ctzll"(unsigned long long bits) noexcept nogil
    const char *find_control "duckgres_find_control"(const char *at, const char *end, char one, char other) noexcept nogil
    const char *find_any "duckgres_find_any"(const char *at, const char *end, char a, char b, char c, char d) noexcept nogil
    bint all_plain "duckgres_all_plain"(const char *at, const char *end) noexcept nogil


cdef inline const char *find_next(Scan *scan, const char *at, const char *end) noexcept nogil:
    """The first byte that is one of the four; or the end. What it has passed must not change before `block` is NULL."""
    cdef uint64_t offset = at - scan.block
    cdef uint64_t found
    if scan.block == NULL or offset >= 64:
        scan.block = at
        scan.found = find_in_block(at, scan.wanted)
        offset = 0
    found = scan.found >> offset
    while found == 0:
        at = scan.block + 64
        if at >= end:
            return end
        scan.block = at
        scan.found = find_in_block(at, scan.wanted)
        found = scan.found
        offset = 0
    at = scan.block + offset + lowest_bit(found)
    return at if at < end else end
