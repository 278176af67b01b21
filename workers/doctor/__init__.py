"""Say what is wrong with a connection, and what to do about it. Looks only, and prints nothing."""

from workers.doctor.examination import Patient, examine
from workers.doctor.findings import Finding, Health

__all__ = ["Finding", "Health", "Patient", "examine"]
