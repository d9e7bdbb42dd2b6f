// A TensorRT for tests: no GPU, no networks, but the virtual tables of one release, every function where NVIDIA's
// headers put it. `tables.h` is written by the tests from the lists in `tests/tables`; a slot that this file does not
// implement ends the process with its name.
//
// An "ONNX file" is text, one line a thing: `input NAME AXES…`, `output NAME AXES…`, or `error NODE TEXT…`.
// A "plan" is text too: what the builder was told, and the inputs and outputs.
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables_begin.h"

#ifdef NARROW // 8.6
typedef struct { int32_t count; int32_t axes[8]; } Dims;
#define PROFILE_DIMS Dims
#define PROFILE_DIMS_VALUE(dims) (dims)
#else
typedef struct { int32_t count; int64_t axes[8]; } Dims;
#define PROFILE_DIMS const Dims *
#define PROFILE_DIMS_VALUE(dims) (*(dims))
#endif

// ---- objects: public { own table, implementation }, implementation { table, … } ----

typedef struct Impl Impl;
typedef struct { void **table; Impl *impl; } Public;
typedef struct { char name[64]; Dims dims; bool output; } Tensor;

struct Impl {
    void **table;
    Public public;
    const char *class;
    Impl *owner;                        // engine of a context, …
    void *logger;
    int references;                     // objects that live on this one
    // network, engine
    Tensor tensors[8];
    Impl *tensor_objects[8];
    int tensor_count;
    // builder configuration
    unsigned flags;
    int level, aux_streams, verbosity, previews, profile_count;
    size_t workspace;
    void *calibrator, *monitor;
    Impl *calibration_profile, *profiles[8];
    // profile: [input][selector]
    char profile_inputs[8][64];
    Dims ranges[8][3];
    int range_count;
    // context
    Dims shapes[8];
    void *addresses[8];
    int profile;
    bool user_memory, has_memory;
    // host memory, plan of an engine, JSON of an inspector
    char text[8192];
    size_t size;
};

static char events[1 << 16];
static int alive;

__attribute__((visibility("default"))) const char *fake_events(void) { return events; }
__attribute__((visibility("default"))) int fake_alive(void) { return alive; }

static void event(const char *format, ...) {
    va_list list;
    va_start(list, format);
    size_t used = strlen(events);
    vsnprintf(events + used, sizeof events - used - 2, format, list);
    strcat(events, "\n");
    va_end(list);
}

static void die(const char *what) {
    fprintf(stderr, "fake TensorRT: %s\n", what);
    abort();
}

static void check(bool holds, const char *what) {
    if (!holds) die(what);
}

// ---- what the caller implements ----

#define CALL(object, slot, type) ((type)(*(void ***)(object))[slot])

typedef struct { const char *kind; int major, minor; } InterfaceInfo;

static void check_interface(void *object, int info_slot, const char *kind) {
    check(CALL(object, 0, int (*)(void *))(object) == 0, "APILanguage is not C++");
    InterfaceInfo info = CALL(object, info_slot, InterfaceInfo (*)(void *))(object);
    check(strcmp(info.kind, kind) == 0 && info.major == 1 && info.minor == 0, kind);
}

static void say(void *logger, int severity, const char *text) {
#ifdef SLOT_ILogger_getInterfaceInfo
    check_interface(logger, SLOT_ILogger_getInterfaceInfo, "ILogger");
#endif
    CALL(logger, SLOT_ILogger_log, void (*)(void *, int, const char *))(logger, severity, text);
}

// ---- making and deleting ----

static void *trap_public(void) { die("the complete destructor of a public object was called"); return NULL; }

static void delete_public(Public *object) {
    Impl *impl = object->impl;
    check(impl->references == 0, "an object was deleted before one that lives on it");
    event("delete %s", impl->class);
    if (impl->owner) impl->owner->references--;
    alive--;
    // Not freed: who deletes it twice, or an object of it later, is found out by the check above.
    impl->references = 1000;
}

static void *public_table[] = {(void *)trap_public, (void *)delete_public};

static Impl *make(const char *class, void **table, Impl *owner) {
    Impl *impl = calloc(1, sizeof *impl);
    impl->table = table;
    impl->class = class;
    impl->owner = owner;
    impl->public = (Public){public_table, impl};
    if (owner) {
        impl->logger = owner->logger;
        owner->references++;
    }
    alive++;
    event("make %s", class);
    return impl;
}

static const char *shape_text(Dims dims) {
    static char texts[4][128];
    static int next;
    char *text = texts[next++ % 4];
    int used = 0;
    text[0] = 0;
    for (int i = 0; i < dims.count; i++)
        used += sprintf(text + used, "%s%lld", i ? "," : "", (long long)dims.axes[i]);
    return text;
}

static Dims read_dims(const char *text) {
    Dims dims = {0, {0}};
    for (char *end; *text && dims.count < 8; text = *end ? end + 1 : end)
        dims.axes[dims.count++] = strtol(text, &end, 10);
    return dims;
}

static Tensor *find(Impl *impl, const char *name) {
    for (int i = 0; i < impl->tensor_count; i++)
        if (strcmp(impl->tensors[i].name, name) == 0) return &impl->tensors[i];
    return NULL;
}

static void add_tensor(Impl *impl, const char *name, const char *axes, bool output) {
    Tensor *tensor = &impl->tensors[impl->tensor_count++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->dims = read_dims(axes);
    tensor->output = output;
}

static const Dims NO_DIMS = {-1, {0}};

#ifdef PARSER
// ---- nvonnxparser ----

typedef struct { void **table; int node; char text[256]; } Error;
typedef struct { void **table; Public *network; Error errors[8]; int error_count; void *logger; } Parser;

extern void **parser_table, **error_table;
static int parsers_alive;
__attribute__((visibility("default"))) int fake_parsers_alive(void) { return parsers_alive; }

bool IParser_parse(Parser *parser, const void *bytes, size_t size, const char *path) {
    check(path == NULL, "parse was given a path");
    char text[4096], *rest = text;
    snprintf(text, sizeof text, "%.*s", (int)size, (const char *)bytes);
    for (char *line; (line = strsep(&rest, "\n"));) {
        char word[16] = "", name[64] = "", axes[128] = "";
        int node = 0, used = 0;
        sscanf(line, "%15s %63s %127s", word, name, axes);
        if (strcmp(word, "error") == 0 && sscanf(line, "error %d %n", &node, &used) == 1) {
            Error *error = &parser->errors[parser->error_count++];
            error->table = error_table;
            error->node = node;
            snprintf(error->text, sizeof error->text, "%s", line + used);
        } else if (*word) {
            add_tensor(parser->network->impl, name, axes, strcmp(word, "output") == 0);
        }
    }
    if (parser->error_count || size == 0) say(parser->logger, 1, "the parser failed");
    return parser->error_count == 0 && size > 0;
}
#define HAVE_IParser_parse
int IParser_getNbErrors(Parser *parser) { return parser->error_count; }
#define HAVE_IParser_getNbErrors
Error *IParser_getError(Parser *parser, int index) { return &parser->errors[index]; }
#define HAVE_IParser_getError
void IParser_destroy(Parser *parser) { parsers_alive--; free(parser); }
#define HAVE_IParser_destroy
#ifndef SLOT_IParser_destroy
#define HAVE_IParser_deleting
void IParser_deleting(Parser *parser) { IParser_destroy(parser); }
#endif
const char *IParserError_desc(Error *error) { return error->text; }
#define HAVE_IParserError_desc
int IParserError_line(Error *error) { (void)error; return 77; }
#define HAVE_IParserError_line
const char *IParserError_func(Error *error) { (void)error; return "importModel"; }
#define HAVE_IParserError_func
int IParserError_node(Error *error) { return error->node; }
#define HAVE_IParserError_node

int getNvOnnxParserVersion(void) { return 4321; }

void *createNvOnnxParser_INTERNAL(Public *network, void *logger, int version) {
    check(version == getNvOnnxParserVersion(), "the parser was made for another version");
    check(strcmp(network->impl->class, "network") == 0, "the parser was given no network");
    Parser *parser = calloc(1, sizeof *parser);
    *parser = (Parser){.table = parser_table, .network = network, .logger = logger};
    parsers_alive++;
    return parser;
}
#else

// ---- host memory ----

const void *VHostMemory_data(Impl *memory) { return memory->text; }
#define HAVE_VHostMemory_data
size_t VHostMemory_size(Impl *memory) { return memory->size; }
#define HAVE_VHostMemory_size

// ---- engine and context ----

static void plan_line(Impl *impl, const char *format, ...) {
    va_list list;
    va_start(list, format);
    impl->size += vsnprintf(impl->text + impl->size, sizeof impl->text - impl->size, format, list);
    va_end(list);
}

int VCudaEngine_getNbIOTensors(Impl *engine) { return engine->tensor_count; }
#define HAVE_VCudaEngine_getNbIOTensors
const char *VCudaEngine_getIOTensorName(Impl *engine, int32_t index) { return engine->tensors[index].name; }
#define HAVE_VCudaEngine_getIOTensorName
Dims VCudaEngine_getTensorShape(Impl *engine, const char *name) {
    Tensor *tensor = find(engine, name);
    return tensor ? tensor->dims : NO_DIMS;
}
#define HAVE_VCudaEngine_getTensorShape
int VCudaEngine_getTensorDataType(Impl *engine, const char *name) { return find(engine, name)->output ? 1 : 0; }
#define HAVE_VCudaEngine_getTensorDataType
int VCudaEngine_getTensorLocation(Impl *engine, const char *name) { (void)engine; return strcmp(name, "sizes") == 0; }
#define HAVE_VCudaEngine_getTensorLocation
int VCudaEngine_getTensorIOMode(Impl *engine, const char *name) { return find(engine, name)->output ? 2 : 1; }
#define HAVE_VCudaEngine_getTensorIOMode
int VCudaEngine_getNbOptimizationProfiles(Impl *engine) { return engine->profile_count; }
#define HAVE_VCudaEngine_getNbOptimizationProfiles
Dims VCudaEngine_getProfileShape(Impl *engine, const char *name, int32_t profile, int selector) {
    check(profile >= 0 && profile < engine->profile_count && selector >= 0 && selector < 3, "no such profile");
    char wanted[80], min[64], opt[64], max[64];
    snprintf(wanted, sizeof wanted, "\nprofile %d %s ", profile, name);
    const char *line = strstr(engine->text, wanted);
    if (!line) return VCudaEngine_getTensorShape(engine, name);
    sscanf(line + strlen(wanted), "%63s %63s %63s", min, opt, max);
    return read_dims(selector == 0 ? min : selector == 1 ? opt : max);
}
#define HAVE_VCudaEngine_getProfileShape
size_t VCudaEngine_getDeviceMemorySize(Impl *engine) { (void)engine; return 12345678901; }
#define HAVE_VCudaEngine_getDeviceMemorySize
int64_t VCudaEngine_getDeviceMemorySizeV2(Impl *engine) { (void)engine; return 12345678901; }
#define HAVE_VCudaEngine_getDeviceMemorySizeV2

extern void **context_table, **inspector_table, **engine_table, **runtime_table, **network_table, **config_table,
    **builder_table, **profile_table, **memory_table, **tensor_table;

static Public *make_context(Impl *engine, bool user_memory) {
    Impl *context = make(user_memory ? "context without memory" : "context", context_table, engine);
    context->user_memory = user_memory;
    return &context->public;
}
#ifdef NARROW
Public *VCudaEngine_createExecutionContext(Impl *engine) { return make_context(engine, false); }
Public *VCudaEngine_createExecutionContextWithoutDeviceMemory(Impl *engine) { return make_context(engine, true); }
#define HAVE_VCudaEngine_createExecutionContextWithoutDeviceMemory
#else
Public *VCudaEngine_createExecutionContext(Impl *engine, int strategy) {
    check(strategy == 0 || strategy == 2, "no such allocation strategy");
    return make_context(engine, strategy == 2);
}
#endif
#define HAVE_VCudaEngine_createExecutionContext
Public *VCudaEngine_createEngineInspector(Impl *engine) {
    Impl *inspector = make("inspector", inspector_table, engine);
    return &inspector->public;
}
#define HAVE_VCudaEngine_createEngineInspector
const char *VEngineInspector_getEngineInformation(Impl *inspector, int format) {
    check(inspector->owner != NULL, "an inspector without an engine");
    return format == 1 ? "{\"Layers\": [\"conv\"]}" : "not JSON";
}
#define HAVE_VEngineInspector_getEngineInformation

void VExecutionContext_setDeviceMemory(Impl *context, void *memory) {
    check(context->user_memory, "device memory for a context that has its own");
    context->has_memory = true;
    event("memory %p", memory);
}
#define HAVE_VExecutionContext_setDeviceMemory
void VExecutionContext_setDeviceMemoryV2(Impl *context, void *memory, int64_t bytes) {
    check(bytes == 12345678901, "the size of the device memory is lost");
    VExecutionContext_setDeviceMemory(context, memory);
}
#define HAVE_VExecutionContext_setDeviceMemoryV2
bool VExecutionContext_setOptimizationProfileAsync(Impl *context, int32_t profile, void *stream) {
    if (profile < 0 || profile >= context->owner->profile_count) {
        say(context->logger, 1, "no such profile");
        return false;
    }
    context->profile = profile;
    event("profile %d on %p", profile, stream);
    return true;
}
#define HAVE_VExecutionContext_setOptimizationProfileAsync
bool VExecutionContext_setInputShape(Impl *context, const char *name, const Dims *dims) {
    Dims min = VCudaEngine_getProfileShape(context->owner, name, context->profile, 0);
    Dims max = VCudaEngine_getProfileShape(context->owner, name, context->profile, 2);
    bool fits = dims->count == min.count;
    for (int i = 0; fits && i < dims->count; i++) fits = dims->axes[i] >= min.axes[i] && dims->axes[i] <= max.axes[i];
    if (!fits) {
        say(context->logger, 1, "outside the profile");
        return false;
    }
    context->shapes[find(context->owner, name) - context->owner->tensors] = *dims;
    return true;
}
#define HAVE_VExecutionContext_setInputShape
Dims VExecutionContext_getTensorShape(Impl *context, const char *name) {
    Impl *engine = context->owner;
    Tensor *tensor = find(engine, name);
    if (!tensor) return NO_DIMS;
    Dims dims = tensor->dims;
    if (!tensor->output && context->shapes[tensor - engine->tensors].count) return context->shapes[tensor - engine->tensors];
    if (tensor->output && context->shapes[0].count && dims.axes[0] < 0) dims.axes[0] = context->shapes[0].axes[0];
    return dims;
}
#define HAVE_VExecutionContext_getTensorShape
bool VExecutionContext_setTensorAddress(Impl *context, const char *name, void *address) {
    context->addresses[find(context->owner, name) - context->owner->tensors] = address;
    return ((uintptr_t)address & 0xff) == 0;
}
#define HAVE_VExecutionContext_setTensorAddress
int32_t VExecutionContext_inferShapes(Impl *context, int32_t most, const char **names) {
    int missing = 0;
    for (int i = 0; i < context->owner->tensor_count; i++) {
        Tensor *tensor = &context->owner->tensors[i];
        bool open = false;
        for (int axis = 0; axis < tensor->dims.count; axis++) open |= tensor->dims.axes[axis] < 0;
        if (!tensor->output && open && !context->shapes[i].count && missing++ < most) names[missing - 1] = tensor->name;
    }
    return missing;
}
#define HAVE_VExecutionContext_inferShapes
bool VExecutionContext_enqueueV3(Impl *context, void *stream) {
    if (context->user_memory && !context->has_memory) {
        say(context->logger, 1, "no device memory");
        return false;
    }
    for (int i = 0; i < context->owner->tensor_count; i++) {
        const char *name = context->owner->tensors[i].name;
        if (!context->addresses[i]) {
            say(context->logger, 0, "a tensor has no address");
            return false;
        }
        event("run %s at %p as %s", name, context->addresses[i], shape_text(VExecutionContext_getTensorShape(context, name)));
    }
    event("run on %p", stream);
    return true;
}
#define HAVE_VExecutionContext_enqueueV3

// ---- runtime ----

#ifdef NARROW
Public *VRuntime_deserializeCudaEngine(Impl *runtime, const void *bytes, size_t size, void *factory) {
    check(factory == NULL, "a plugin factory that is not null");
#else
Public *VRuntime_deserializeCudaEngine(Impl *runtime, const void *bytes, size_t size) {
#endif
    if (size >= 3 && memcmp(bytes, "GPU", 3) == 0) {
        say(runtime->logger, 1, "The engine cannot run on this GPU, which has compute capability 9.0. Supported compute "
            "capabilities: 8.9 12.0. TensorRT-RTX does not support this compute capability");
        return NULL;
    }
    if (size < 4 || memcmp(bytes, "PLAN", 4) != 0) {
        say(runtime->logger, 1, "the engine plan file is not compatible with this version of TensorRT");
        return NULL;
    }
    Impl *engine = make("engine", engine_table, runtime);
    snprintf(engine->text, sizeof engine->text, "%.*s", (int)size, (const char *)bytes);
    char text[8192], *rest = text;
    strcpy(text, engine->text);
    for (char *line; (line = strsep(&rest, "\n"));) {
        char name[64], axes[128];
        if (sscanf(line, "input %63s %127s", name, axes) == 2) add_tensor(engine, name, axes, false);
        if (sscanf(line, "output %63s %127s", name, axes) == 2) add_tensor(engine, name, axes, true);
        sscanf(line, "profiles %d", &engine->profile_count);
    }
    return &engine->public;
}
#define HAVE_VRuntime_deserializeCudaEngine

// ---- network, profile, configuration ----

int VNetworkDefinition_getNbInputs(Impl *network) {
    int inputs = 0;
    for (int i = 0; i < network->tensor_count; i++) inputs += !network->tensors[i].output;
    return inputs;
}
#define HAVE_VNetworkDefinition_getNbInputs
Public *VNetworkDefinition_getInput(Impl *network, int32_t index) {
    for (int i = 0; i < network->tensor_count; i++) {
        if (network->tensors[i].output || index-- > 0) continue;
        if (!network->tensor_objects[i]) {
            Impl *tensor = calloc(1, sizeof *tensor);
            tensor->table = tensor_table;
            tensor->public = (Public){public_table, tensor};
            tensor->tensors[0] = network->tensors[i];
            network->tensor_objects[i] = tensor;
        }
        return &network->tensor_objects[i]->public;
    }
    return NULL;
}
#define HAVE_VNetworkDefinition_getInput
const char *VTensor_getName(Impl *tensor) { return tensor->tensors[0].name; }
#define HAVE_VTensor_getName
Dims VTensor_getDimensions(Impl *tensor) { return tensor->tensors[0].dims; }
#define HAVE_VTensor_getDimensions

bool VOptimizationProfile_setDimensions(Impl *profile, const char *name, int selector, PROFILE_DIMS dims) {
    int input = 0;
    while (input < profile->range_count && strcmp(profile->profile_inputs[input], name) != 0) input++;
    if (input == profile->range_count) strcpy(profile->profile_inputs[profile->range_count++], name);
    profile->ranges[input][selector] = PROFILE_DIMS_VALUE(dims);
    return true;
}
#define HAVE_VOptimizationProfile_setDimensions

void VBuilderConfig_setInt8Calibrator(Impl *config, void *calibrator) { config->calibrator = calibrator; }
#define HAVE_VBuilderConfig_setInt8Calibrator
bool VBuilderConfig_setCalibrationProfile(Impl *config, Public *profile) { config->calibration_profile = profile->impl; return true; }
#define HAVE_VBuilderConfig_setCalibrationProfile
void VBuilderConfig_clearFlag(Impl *config, int flag) { config->flags &= ~(1u << flag); }
#define HAVE_VBuilderConfig_clearFlag
void VBuilderConfig_setFlag(Impl *config, int flag) { config->flags |= 1u << flag; }
#define HAVE_VBuilderConfig_setFlag
int VBuilderConfig_addOptimizationProfile(Impl *config, Public *profile) {
    config->profiles[config->profile_count] = profile->impl;
    return config->profile_count++;
}
#define HAVE_VBuilderConfig_addOptimizationProfile
void VBuilderConfig_setProfilingVerbosity(Impl *config, int verbosity) { config->verbosity = verbosity; }
#define HAVE_VBuilderConfig_setProfilingVerbosity
void VBuilderConfig_setMemoryPoolLimit(Impl *config, int pool, size_t bytes) {
    check(pool == 0, "not the workspace");
    config->workspace = bytes;
}
#define HAVE_VBuilderConfig_setMemoryPoolLimit
void VBuilderConfig_setPreviewFeature(Impl *config, int feature, bool on) { config->previews |= (int)on << feature; }
#define HAVE_VBuilderConfig_setPreviewFeature
void VBuilderConfig_setBuilderOptimizationLevel(Impl *config, int level) { config->level = level; }
#define HAVE_VBuilderConfig_setBuilderOptimizationLevel
void VBuilderConfig_setMaxAuxStreams(Impl *config, int streams) { config->aux_streams = streams; }
#define HAVE_VBuilderConfig_setMaxAuxStreams
void VBuilderConfig_setProgressMonitor(Impl *config, void *monitor) { config->monitor = monitor; }
#define HAVE_VBuilderConfig_setProgressMonitor

// ---- builder ----

Public *VBuilder_createBuilderConfig(Impl *builder) {
    Impl *config = make("config", config_table, builder);
    config->flags = 1u << TF32; // on by default
    config->level = 3;
    config->aux_streams = -1;
    return &config->public;
}
#define HAVE_VBuilder_createBuilderConfig
Public *VBuilder_createNetworkV2(Impl *builder, uint32_t flags) {
    Impl *network = make("network", network_table, builder);
    network->flags = flags;
    return &network->public;
}
#define HAVE_VBuilder_createNetworkV2
Public *VBuilder_createOptimizationProfile(Impl *builder) {
    // The builder's own: never deleted by the caller.
    Impl *profile = calloc(1, sizeof *profile);
    profile->table = profile_table;
    profile->class = "profile, which is the builder's";
    profile->references = 1;
    profile->public = (Public){public_table, profile};
    builder->profiles[builder->profile_count++ % 8] = profile;
    return &profile->public;
}
#define HAVE_VBuilder_createOptimizationProfile

// False: cancelled.
static bool report(Impl *config) {
#ifdef SLOT_VBuilderConfig_setProgressMonitor
    void *monitor = config->monitor;
    check(monitor != NULL, "no progress monitor");
    check_interface(monitor, SLOT_IProgressMonitor_getInterfaceInfo, "IProgressMonitor");
    CALL(monitor, SLOT_IProgressMonitor_phaseStart, void (*)(void *, const char *, const char *, int))(monitor, "build", NULL, 4);
    for (int step = 0; step < 4; step++)
        if (!CALL(monitor, SLOT_IProgressMonitor_stepComplete, bool (*)(void *, const char *, int))(monitor, "build", step))
            return false;
    // Left open: the last report shows it.
#else
    check(config->monitor == NULL, "8.6 has no progress monitor");
#endif
    return true;
}

static void calibrate(Impl *config, Impl *plan) {
#ifdef SLOT_IInt8EntropyCalibrator2_getBatch
    void *calibrator = config->calibrator;
    if (!calibrator) return;
#ifdef SLOT_IInt8EntropyCalibrator2_getInterfaceInfo
    check_interface(calibrator, SLOT_IInt8EntropyCalibrator2_getInterfaceInfo, "IInt8EntropyCalibrator2");
#endif
    check(CALL(calibrator, SLOT_IInt8EntropyCalibrator2_getAlgorithm, int (*)(void *))(calibrator) == 2, "not entropy calibration 2");
    size_t length = 999;
    const char *cache = CALL(calibrator, SLOT_IInt8EntropyCalibrator2_readCalibrationCache, const void *(*)(void *, size_t *))(calibrator, &length);
    int batches = 0;
    if (!cache) {
        check(length == 0, "a cache of no bytes");
        const char *names[] = {"image"};
        void *addresses[1];
        while (CALL(calibrator, SLOT_IInt8EntropyCalibrator2_getBatch, bool (*)(void *, void **, const char **, int))(calibrator, addresses, names, 1)) {
            event("batch %d of %d at %p", batches++, CALL(calibrator, SLOT_IInt8EntropyCalibrator2_getBatchSize, int (*)(void *))(calibrator), addresses[0]);
        }
        CALL(calibrator, SLOT_IInt8EntropyCalibrator2_writeCalibrationCache, void (*)(void *, const void *, size_t))(calibrator, "scales", 6);
    }
    plan_line(plan, "calibrated %d batches, cache %.*s, profile %d\n", batches, (int)length, cache ? cache : "", config->calibration_profile == config->profiles[0]);
#else
    check(config->calibrator == NULL, "no calibration here");
    (void)plan;
#endif
}

static void *log_elsewhere(void *logger) {
    say(logger, 2, "a warning of another thread");
    return NULL;
}

Public *VBuilder_buildSerializedNetwork(Impl *builder, Public *network_object, Public *config_object) {
    Impl *network = network_object->impl, *config = config_object->impl;
    check(strcmp(network->class, "network") == 0 && strcmp(config->class, "config") == 0, "not a network and a configuration");
    pthread_t thread;
    pthread_create(&thread, NULL, log_elsewhere, builder->logger);
    pthread_join(thread, NULL);
    if (!report(config)) {
        say(builder->logger, 1, "the build was cancelled");
        return NULL;
    }
    if (find(network, "unbuildable")) {
        say(builder->logger, 1, "could not find any implementation for node");
        return NULL;
    }
    Impl *plan = make("memory", memory_table, builder);
    plan_line(plan, "PLAN\nnetwork %u\nflags %u\nlevel %d\nworkspace %zu\naux %d\nverbosity %d\npreviews %d\nprofiles %d\n", network->flags,
              config->flags, config->level, config->workspace, config->aux_streams, config->verbosity, config->previews, config->profile_count);
    for (int i = 0; i < network->tensor_count; i++)
        plan_line(plan, "%s %s %s\n", network->tensors[i].output ? "output" : "input", network->tensors[i].name, shape_text(network->tensors[i].dims));
    for (int i = 0; i < config->profile_count; i++)
        for (int input = 0; input < config->profiles[i]->range_count; input++) {
            Impl *profile = config->profiles[i];
            plan_line(plan, "profile %d %s", i, profile->profile_inputs[input]);
            for (int selector = 0; selector < 3; selector++) plan_line(plan, " %s", shape_text(profile->ranges[input][selector]));
            plan_line(plan, "\n");
        }
    calibrate(config, plan);
    return &plan->public;
}
#define HAVE_VBuilder_buildSerializedNetwork

// ---- C functions ----

int getInferLibVersion(void) { return VERSION; }

Public *createInferRuntime_INTERNAL(void *logger, int version) {
    check(version == VERSION, "made for another version");
    say(logger, 3, "a runtime starts");
    Impl *runtime = make("runtime", runtime_table, NULL);
    runtime->logger = logger;
    return &runtime->public;
}

#ifndef LEAN
Public *createInferBuilder_INTERNAL(void *logger, int version) {
    check(version == VERSION, "made for another version");
    if (getenv("FAKE_NO_BUILDER")) {
        say(logger, 1, "out of memory");
        return NULL;
    }
    Impl *builder = make("builder", builder_table, NULL);
    builder->logger = logger;
    return &builder->public;
}
#endif
#endif

#include "tables_end.h"
