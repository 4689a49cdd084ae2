"""What does the service itself have to know: its name, where it runs, where its spans go and how many are sampled?"""

from obs.config.document import lines
from obs.stack import Stack


def environment(stack: Stack) -> str:
    """Return ``service.env``: the variables of the service's container."""
    variables = {"OTEL_SERVICE_NAME": stack.service.name, "ENVIRONMENT": stack.service.environment}
    if "jaeger" in stack.targets:
        variables |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": f"{stack.traces.sample_ratio:g}",
        }
    return lines(*(f"{name}={value}" for name, value in variables.items()))
