"""Where the next byte stands that COPY's formats give a meaning to: sixteen bytes at a time. No GIL.

Reads up to 15 bytes behind the end, which have to be there.
"""


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
    static inline int duckgres_all_plain(const char *at, const char *end) {
        for (; at < end; at++) if (*(const signed char *)at <= 0) return 0;
        return 1;
    }
    #endif
    """
    const char *find_control "duckgres_find_control"(const char *at, const char *end, char one, char other) noexcept nogil
    const char *find_any "duckgres_find_any"(const char *at, const char *end, char a, char b, char c, char d) noexcept nogil
    bint all_plain "duckgres_all_plain"(const char *at, const char *end) noexcept nogil
