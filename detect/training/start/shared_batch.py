"""The images of an update, shared by other devices than a run was begun with. This does not need TensorFlow."""

from detect.errors import BadInput, counted
from detect.training.settings import TrainingSettings


def shared_by(settings: TrainingSettings, devices: int) -> TrainingSettings:
    """Return the settings with which some devices train on the same images per update, in the same order.

    Where batch normalisation takes its statistics over all devices, their images are divided anew. Where each device
    has its own, batches keep their size, and there are more or fewer of them per update.

    Args:
        settings: of the run, whose `devices` its batch size and `accumulate` are for; None: for these.
        devices: number of those that there are.

    Raises:
        BadInput: the images cannot be shared equally.
    """
    before = settings.devices or devices
    if before == devices:
        return settings
    batch, passes = settings.images_per_batch, settings.accumulate
    if not settings.is_synchronized and before * passes % devices == 0:
        return settings.model_copy(update={"devices": devices, "accumulate": before * passes // devices})
    if batch * before % devices:
        raise BadInput(_refusal(settings, before, devices))
    update = {
        "devices": devices,
        "batch_size": batch * before // devices,
        "synchronized_normalization": settings.is_synchronized,  # which may depend on the batch size
    }
    return settings.model_copy(update=update)


def describe_sharing(settings: TrainingSettings) -> str:
    """Return a line on how the devices share the images, where they are others than those of the run before."""
    devices, passes = counted(settings.devices or 1, "device", "devices"), settings.accumulate
    parts = f", in {passes} passes" if passes > 1 else ""
    return f"Batches: on {devices}, {settings.images_per_batch} images each{parts}, which are as many as before."


def _refusal(settings: TrainingSettings, before: int, devices: int) -> str:
    images = settings.images_per_batch * before
    possible = ", ".join(str(number) for number in range(1, images + 1) if images % number == 0)
    return (
        f"Each batch of the run has {images} images ({settings.images_per_batch} on each of "
        f"{counted(before, 'device', 'devices')}), which {devices} devices cannot share equally. Train on {possible} "
        "devices; or start another run, with --weights and the folder of this one, and a --batch-size of your choice."
    )
