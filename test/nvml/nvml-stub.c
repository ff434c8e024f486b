/* A stand-in for libnvidia-ml.so.1 with known answers, so that the bindings are tested through a real
 * C ABI: struct layouts are the compiler's, not ours. Names and field order as in nvml.h 13.5.
 * Left out on purpose: GetMemoryInfo_v2, GetTemperature and ClocksEventReasons (older or newer drivers
 * lack them), so that the fallbacks run. */
#include <stdint.h>
#include <string.h>
#include <time.h>

typedef struct stub_device { unsigned index; } *nvmlDevice_t;
typedef union { double d; int si; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; unsigned short us; } nvmlValue_t;
typedef struct { unsigned fieldId, scopeId; long long timestamp, latencyUsec; int valueType; int nvmlReturn; nvmlValue_t value; } nvmlFieldValue_t;
typedef struct { unsigned long long timeStamp; nvmlValue_t sampleValue; } nvmlSample_t;
typedef struct { unsigned gpu, memory; } nvmlUtilization_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
typedef struct { unsigned version; int sensorType; int temperature; } nvmlTemperature_t;
typedef struct { char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId; char busId[32]; } nvmlPciInfo_t;

static struct stub_device devices[2] = {{0}, {1}};
static long long unix_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *s, unsigned n) { strncpy(s, "580.00.stub", n); return 0; }
int nvmlSystemGetNVMLVersion(char *s, unsigned n) { strncpy(s, "13.580.00", n); return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, nvmlDevice_t *d) {
  if (i == 2) return 15;
  *d = &devices[i];
  return 0;
}
int nvmlDeviceGetUUID(nvmlDevice_t d, char *s, unsigned n) { strncpy(s, d->index ? "GPU-b" : "GPU-a", n); return 0; }
int nvmlDeviceGetName(nvmlDevice_t d, char *s, unsigned n) { (void)d; strncpy(s, "Stub GPU", n); return 0; }
int nvmlDeviceGetPciInfo_v3(nvmlDevice_t d, nvmlPciInfo_t *p) {
  memset(p, 0x55, sizeof *p);
  strcpy(p->busId, d->index ? "00000000:02:00.0" : "00000000:01:00.0");
  return 0;
}
int nvmlDeviceGetArchitecture(nvmlDevice_t d, unsigned *a) { (void)d; *a = 9; return 0; }
int nvmlDeviceGetPowerUsage(nvmlDevice_t d, unsigned *mw) {
  if (d->index == 1) return 3;
  *mw = 123456;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t d, unsigned long long *mj) { (void)d; *mj = 6000000000001ULL; return 0; }
int nvmlDeviceGetFieldValues(nvmlDevice_t d, int count, nvmlFieldValue_t *f) {
  for (int i = 0; i < count; i++) {
    memset(&f[i].value, 0xee, sizeof f[i].value);
    f[i].timestamp = unix_us();
    f[i].latencyUsec = 1;
    if (d->index) { /* says that some field was answered, but not this one; or in a type of the future */
      if (f[i].fieldId == 186) { f[i].nvmlReturn = 0; f[i].valueType = 7; }
      continue;
    }
    f[i].nvmlReturn = 0;
    f[i].valueType = 1;
    if (f[i].fieldId == 186) f[i].value.ui = 98765;
    else if (f[i].fieldId == 185) { f[i].valueType = 0; f[i].value.d = 100500.0; }
    else f[i].nvmlReturn = 3;
  }
  return 0;
}
int nvmlDeviceGetSamples(nvmlDevice_t d, int type, unsigned long long since, int *vt, unsigned *count, nvmlSample_t *s) {
  if (type != 0) return 2;
  const unsigned long long now = unix_us() / 20000 * 20000, held = d->index ? 400 : 5;
  unsigned n = 0;
  for (unsigned long long t = now - (held - 1) * 20000; t <= now; t += 20000)
    if (t > since) {
      if (s && n < *count) {
        memset(&s[n], 0xee, sizeof s[n]);
        s[n].timeStamp = t;
        if (d->index) s[n].sampleValue.d = 150000.5 + n;
        else s[n].sampleValue.ui = 150000 + n;
      }
      n++;
    }
  *vt = d->index ? 0 : 1;
  *count = n;
  return n ? 0 : 6;
}
int nvmlDeviceGetTemperatureV(nvmlDevice_t d, nvmlTemperature_t *t) {
  (void)d;
  if (t->version != (sizeof *t | 1u << 24)) return 25;
  t->temperature = 41;
  return 0;
}
int nvmlDeviceGetClockInfo(nvmlDevice_t d, int type, unsigned *mhz) { (void)d; *mhz = type == 1 ? 1980 : 2619; return 0; }
int nvmlDeviceGetUtilizationRates(nvmlDevice_t d, nvmlUtilization_t *u) { (void)d; u->gpu = 87; u->memory = 12; return 0; }
int nvmlDeviceGetMemoryInfo(nvmlDevice_t d, nvmlMemory_t *m) {
  (void)d;
  m->total = 80ULL << 30; m->used = 5ULL << 30; m->free = m->total - m->used;
  return 0;
}
int nvmlDeviceGetPerformanceState(nvmlDevice_t d, int *p) { (void)d; *p = 0; return 0; }
int nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t d, unsigned long long *r) { (void)d; *r = 0x4; return 0; }
int nvmlDeviceGetPowerManagementLimit(nvmlDevice_t d, unsigned *mw) { (void)d; *mw = 500000; return 0; }
int nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t d, unsigned *mw) { (void)d; *mw = 700000; return 0; }
int nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t d, unsigned *lo, unsigned *hi) { (void)d; *lo = 200000; *hi = 700000; return 0; }
int nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t d, unsigned *mw) { (void)d; *mw = 500000; return 0; }
int nvmlDeviceGetPersistenceMode(nvmlDevice_t d, int *m) { (void)d; *m = 0; return 0; }
int nvmlDeviceGetEccMode(nvmlDevice_t d, int *now, int *next) { (void)d; *now = 1; *next = 1; return 0; }
int nvmlDeviceGetMigMode(nvmlDevice_t d, unsigned *now, unsigned *next) { *now = d->index; *next = d->index; return 0; }
int nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t d, unsigned *count, void *infos) {
  (void)d;
  if (infos) return 2;
  *count = 2;
  return 7;
}
