/* A libnvidia-ml.so.1 whose GPUs are what a text file says: for tests of programs that read NVML, without a GPU.
 *
 * The environment variable FAKE_NVML names the file. It is read at every call, so a test changes a card by writing the
 * file anew (whole, then rename). No file means that no driver is loaded. Its lines, fields separated by blanks:
 *
 *   driver GENERATION
 *       a positive number; when it grows the driver was reloaded, and what was opened before answers UNINITIALIZED
 *   device CARD SLICE ok|lost UUID UTIL USED TOTAL TEMPERATURE POWER MIG SLICES NAME
 *       SLICE 0 is the card itself, the MIG devices 0, 1, ... of a card are its slices 1, 2, ...; UTIL is percent, USED
 *       and TOTAL are bytes, TEMPERATURE is degrees Celsius, POWER milliwatts, MIG 1 where MIG is on, SLICES how many
 *       compute slices a MIG device has, NAME goes to the end of the line; -1 is what the card does not support
 *   process CARD SLICE compute|graphics PID BYTES
 *       BYTES -1 is what NVML cannot tell
 *
 * Compiled with -DOLD_DRIVER it lacks what drivers before the 510 series lack. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15, ARGUMENT_VERSION_MISMATCH = 25
};
enum { MAX_SLICES = 7, HANDLES_PER_CARD = 1000, LINE_BYTES = 512 };

typedef void *handle_t;
typedef struct {
    int card, slice, util, temperature, power, mig, slices;
    long long used, total;
    char state[8], uuid[64], name[64];
} device_t;
typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu_instance, compute_instance; } process_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2_t;
typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned engines[6], gpu_slices, compute_slices; unsigned long long memory_mib; } attributes_t;

static int opened; /* the driver generation that the last nvmlInit found; 0: not opened */

static handle_t handle_of(int card, int slice) { return (handle_t)(uintptr_t)((card + 1) * HANDLES_PER_CARD + slice); }
static int card_of(handle_t handle) { return (int)((uintptr_t)handle / HANDLES_PER_CARD) - 1; }
static int slice_of(handle_t handle) { return (int)((uintptr_t)handle % HANDLES_PER_CARD); }

/* The file, past its driver line; NULL where there is none. */
static FILE *file_of(int *generation) {
    const char *path = getenv("FAKE_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file && fscanf(file, "driver %d\n", generation) != 1) *generation = 1;
    return file;
}

static FILE *opened_file(void) {
    int generation = 0;
    FILE *file = file_of(&generation);
    if (file && generation != opened) {
        fclose(file);
        file = NULL;
    }
    return file;
}

/* The next device of the file; 0 at its end. */
static int next_device(FILE *file, device_t *device) {
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, file)) {
        device_t *d = device;
        if (sscanf(line, "device %d %d %7s %63s %d %lld %lld %d %d %d %d %63[^\n]", &d->card, &d->slice, d->state,
                   d->uuid, &d->util, &d->used, &d->total, &d->temperature, &d->power, &d->mig, &d->slices,
                   d->name) == 12)
            return 1;
    }
    return 0;
}

/* Look a card or a slice up; a lost card takes its slices with it. */
static int look_up(handle_t handle, device_t *found) {
    FILE *file = opened_file();
    int result = INVALID_ARGUMENT;
    device_t device;
    if (!file) return UNINITIALIZED;
    while (result != GPU_IS_LOST && next_device(file, &device)) {
        if (device.card != card_of(handle)) continue;
        if (!strcmp(device.state, "lost")) {
            result = GPU_IS_LOST;
        } else if (device.slice == slice_of(handle)) {
            *found = device;
            result = SUCCESS;
        }
    }
    fclose(file);
    return result;
}

#define LOOK_UP(handle, device)                                                                                       \
    device_t device;                                                                                                  \
    int error = look_up(handle, &device);                                                                             \
    if (error) return error

/* A question about one device: its name, its answer, what it is given beside the device. */
#define QUESTION(name, answer, ...)                                                                                   \
    int name(handle_t handle, __VA_ARGS__) {                                                                          \
        LOOK_UP(handle, device);                                                                                      \
        return answer;                                                                                                \
    }

static int number(int value, unsigned *out) {
    if (value < 0) return NOT_SUPPORTED;
    *out = (unsigned)value;
    return SUCCESS;
}

static int text(const char *value, char *out, unsigned size) {
    if (strlen(value) >= size) return INSUFFICIENT_SIZE;
    strcpy(out, value);
    return SUCCESS;
}

/* Processes of a card (those of its slices too) or of a slice; as NVML does, `count` says how many there are. */
static int processes(handle_t handle, const char *kind, unsigned *count, process_t *out) {
    char line[LINE_BYTES], of_kind[16];
    unsigned room = *count;
    int card, slice, pid;
    long long bytes;
    LOOK_UP(handle, device);
    FILE *file = opened_file();
    if (!file) return UNINITIALIZED;
    *count = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "process %d %d %15s %d %lld", &card, &slice, of_kind, &pid, &bytes) != 5) continue;
        if (card != device.card || (device.slice && slice != device.slice) || strcmp(kind, of_kind)) continue;
        if (*count < room)
            out[*count] = (process_t){(unsigned)pid, (unsigned long long)bytes, (unsigned)slice, 0};
        ++*count;
    }
    fclose(file);
    return *count > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define PROCESSES(name, kind) \
    int name(handle_t handle, unsigned *count, process_t *out) { return processes(handle, kind, count, out); }

int nvmlInitWithFlags(unsigned flags) {
    int generation = 0;
    FILE *file = file_of(&generation);
    (void)flags;
    if (!file) return DRIVER_NOT_LOADED;
    fclose(file);
    opened = generation;
    return SUCCESS;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) {
    int was_opened = opened;
    opened = 0;
    return was_opened ? SUCCESS : UNINITIALIZED;
}
const char *nvmlErrorString(int error) { return error ? "an error of the fake NVML" : "success"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    FILE *file = opened_file();
    device_t device;
    if (!file) return UNINITIALIZED;
    for (*count = 0; next_device(file, &device);) *count += device.slice == 0;
    fclose(file);
    return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, handle_t *out) {
    LOOK_UP(handle_of((int)index, 0), device);
    *out = handle_of(device.card, 0);
    return SUCCESS;
}
QUESTION(nvmlDeviceGetUUID, text(device.uuid, out, size), char *out, unsigned size)
QUESTION(nvmlDeviceGetName, text(device.name, out, size), char *out, unsigned size)
QUESTION(nvmlDeviceGetPowerUsage, number(device.power, out), unsigned *out)
QUESTION(nvmlDeviceGetTemperature, sensor ? INVALID_ARGUMENT : number(device.temperature, out), int sensor, unsigned *out)
int nvmlDeviceGetUtilizationRates(handle_t handle, utilization_t *out) {
    LOOK_UP(handle, device);
    out->memory = 0;
    return number(device.util, &out->gpu);
}

/* Version 1 counts the driver's own reserve (here 1 % of the card) as used, version 2 sets it apart. */
int nvmlDeviceGetMemoryInfo(handle_t handle, memory_t *out) {
    LOOK_UP(handle, device);
    if (device.total < 0) return NOT_SUPPORTED;
    out->total = (unsigned long long)device.total;
    out->used = (unsigned long long)(device.used + device.total / 100);
    out->free = out->total - out->used;
    return SUCCESS;
}
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, "compute")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, "graphics")
#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(handle_t handle, memory_v2_t *out) {
    LOOK_UP(handle, device);
    if (out->version != (sizeof *out | 2u << 24)) return ARGUMENT_VERSION_MISMATCH;
    if (device.total < 0) return NOT_SUPPORTED;
    out->total = (unsigned long long)device.total;
    out->used = (unsigned long long)device.used;
    out->reserved = out->total / 100;
    out->free = out->total - out->used - out->reserved;
    return SUCCESS;
}
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, "compute")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, "graphics")
#endif

int nvmlDeviceGetMigMode(handle_t handle, unsigned *current, unsigned *pending) {
    LOOK_UP(handle, device);
    *pending = device.mig == 1;
    return number(device.mig, current);
}
QUESTION(nvmlDeviceGetMaxMigDeviceCount, number(device.mig < 0 ? 0 : MAX_SLICES, out), unsigned *out)
int nvmlDeviceGetMigDeviceHandleByIndex(handle_t handle, unsigned index, handle_t *out) {
    LOOK_UP(handle, device);
    *out = handle_of(device.card, (int)index + 1);
    error = device.mig == 1 ? look_up(*out, &device) : INVALID_ARGUMENT;
    return error == INVALID_ARGUMENT ? NOT_FOUND : error;
}
QUESTION(nvmlDeviceIsMigDeviceHandle, number(device.slice > 0, out), unsigned *out)
QUESTION(nvmlDeviceGetGpuInstanceId, number(device.slice ? device.slice : -1, out), unsigned *out)
QUESTION(nvmlDeviceGetComputeInstanceId, number(device.slice ? 0 : -1, out), unsigned *out)
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle_t handle, handle_t *out) {
    LOOK_UP(handle, device);
    *out = handle_of(device.card, 0);
    return device.slice ? SUCCESS : INVALID_ARGUMENT;
}
int nvmlDeviceGetAttributes_v2(handle_t handle, attributes_t *out) {
    LOOK_UP(handle, device);
    memset(out, 0, sizeof *out);
    out->memory_mib = (unsigned long long)device.total >> 20;
    out->compute_slices = (unsigned)device.slices;
    return number(device.slice ? device.slices : -1, &out->gpu_slices);
}
